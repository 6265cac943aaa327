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
          FROM delegations d) h
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
