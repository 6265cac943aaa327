-- Exports what scripts/verify_audit.py reads, of one moment, into the folder where psql runs (docs/audit.md).
\set QUIET on
\set ON_ERROR_STOP on
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL statement_timeout = 0;
SET LOCAL timezone = 'UTC';

\o entries.csv
COPY (
    SELECT row_to_json(e)
    FROM (SELECT a.*, t.subject_id IS NOT NULL AS has_text, t.salt, t.text
          FROM payment_audit_log a LEFT JOIN audit_texts t ON t.subject_id = a.subject_id AND t.seq = a.seq
          ORDER BY a.subject_id, a.seq) e
) TO STDOUT (FORMAT csv);

\o heads.csv
COPY (
    SELECT row_to_json(h)
    FROM (SELECT p.payment_id AS subject_id, p.audit_seq, p.audit_head, p.status, p.digest, p.created_by, p.approved_by,
                 NULL AS changed_by,
                 json_build_array(p.incident_id, p.vendor_id, p.payer_type, p.payer_id, p.amount_cents, p.currency,
                     p.payee_account_version,
                     (SELECT json_agg(json_build_array(l.description, l.quantity, l.unit_price_cents) ORDER BY l.line_no)
                      FROM payment_line_items l
                      WHERE l.payment_id = p.payment_id AND l.content_version = p.content_version)) AS signs
          FROM payments p
          UNION ALL
          SELECT w.endpoint_id, w.audit_seq, w.audit_head, w.status, w.digest, w.created_by, NULL, NULL,
                 json_build_object('url', w.url, 'eventTypes', s.event_types, 'maxInFlight', w.max_in_flight)
          FROM webhook_endpoints w LEFT JOIN subscriptions s ON s.subscription_id = w.endpoint_id
          UNION ALL
          SELECT p.policy_id, p.audit_seq, p.audit_head,
                 CASE WHEN p.activated_at IS NULL THEN 'proposed' ELSE 'activated' END, p.digest, p.proposed_by, NULL,
                 p.activated_by, p.document::json
          FROM policies p
          UNION ALL
          SELECT d.delegation_id, d.audit_seq, d.audit_head, CASE WHEN d.ended_at IS NULL THEN 'given' ELSE 'ended' END,
                 d.digest, d.delegator_id, NULL, d.ended_by,
                 json_build_object(
                     'delegateId', d.delegate_id, 'delegatorId', d.delegator_id, 'delegatorRole', d.delegator_role,
                     'endsAt', to_char(d.ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                     'startsAt', to_char(d.starts_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
          FROM delegations d
          UNION ALL
          SELECT l.listing_id, l.audit_seq, l.audit_head,
                 CASE WHEN l.ended_at IS NOT NULL THEN 'ended'
                      WHEN l.kind = 'block' OR l.confirmed_at IS NOT NULL THEN 'active' ELSE 'proposed' END,
                 l.digest,
                 -- (One of before there were chains begins its own with its next change.)
                 CASE WHEN EXISTS (SELECT FROM payment_audit_log a WHERE a.subject_id = l.listing_id AND a.seq = 1
                                   AND a.action = 'fraud_listing_added') THEN l.listed_by END,
                 NULL, coalesce(l.ended_by, l.confirmed_by),
                 json_build_object(
                     'caseId', l.case_id, 'kind', l.kind, 'reasonCode', l.reason_code, 'signal', l.signal,
                     'vendorId', l.vendor_id,
                     'expiresAt', to_char(l.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
          FROM fraud_listings l WHERE l.audit_seq IS NOT NULL
          UNION ALL
          SELECT r.rule_set_id, r.audit_seq, r.audit_head, r.stage, r.digest,
                 CASE WHEN EXISTS (SELECT FROM payment_audit_log a WHERE a.subject_id = r.rule_set_id AND a.seq = 1
                                   AND a.action = 'fraud_rule_set_proposed') THEN r.proposed_by END,
                 NULL, NULL, r.document::json
          FROM fraud_rule_sets r WHERE r.audit_seq IS NOT NULL) h
) TO STDOUT (FORMAT csv);

\o positions.csv
COPY (
    SELECT json_build_array(p.position, p.subject_id, p.seq) FROM audit_positions p ORDER BY p.position
) TO STDOUT (FORMAT csv);

\o checkpoints.csv
COPY (
    SELECT json_build_array(convert_from(c.canonical, 'UTF8'), encode(c.hash, 'hex'))
    FROM audit_checkpoints c ORDER BY c.number
) TO STDOUT (FORMAT csv);
\o
COMMIT;
