-- What has an audit chain besides payments, and where the log has partitions for it.

-- name: heads
-- A new kind of subject is one more SELECT here, in heads_count, and in scripts/export_audit.sql. `content` is what the
-- digest signs, as JSON; times in it are text in UTC, with six digits of a second.
SELECT 'webhook_endpoint' AS subject_type, e.endpoint_id AS subject_id, e.org_id, e.audit_seq, e.audit_head, e.status,
       e.digest, json_build_object('url', e.url, 'eventTypes', s.event_types, 'maxInFlight', e.max_in_flight)::text
           AS content, e.created_by, NULL AS changed_by
FROM webhook_endpoints e LEFT JOIN subscriptions s ON s.subscription_id = e.endpoint_id
WHERE %(subject_id)s::uuid IS NULL OR e.endpoint_id = %(subject_id)s
UNION ALL
SELECT 'policy', p.policy_id, p.org_id, p.audit_seq, p.audit_head,
       CASE WHEN p.activated_at IS NULL THEN 'proposed' ELSE 'activated' END, p.digest, p.document::text,
       p.proposed_by, coalesce(p.activated_by, p.proposed_by)
FROM policies p
WHERE %(subject_id)s::uuid IS NULL OR p.policy_id = %(subject_id)s
UNION ALL
SELECT 'delegation', d.delegation_id, d.org_id, d.audit_seq, d.audit_head,
       CASE WHEN d.ended_at IS NULL THEN 'given' ELSE 'ended' END, d.digest,
       json_build_object('delegateId', d.delegate_id, 'delegatorId', d.delegator_id,
                         'delegatorRole', d.delegator_role,
                         'endsAt', to_char(d.ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                         'startsAt', to_char(d.starts_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))::text,
       d.delegator_id, coalesce(d.ended_by, d.delegator_id)
FROM delegations d
WHERE %(subject_id)s::uuid IS NULL OR d.delegation_id = %(subject_id)s
UNION ALL
-- (One that was listed before there were chains begins its own with its next change.)
SELECT 'fraud_listing', l.listing_id, l.org_id, l.audit_seq, l.audit_head,
       CASE WHEN l.ended_at IS NOT NULL THEN 'ended'
            WHEN l.kind = 'block' OR l.confirmed_at IS NOT NULL THEN 'active' ELSE 'proposed' END, l.digest,
       json_build_object('caseId', l.case_id,
                         'expiresAt', to_char(l.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                         'kind', l.kind, 'reasonCode', l.reason_code, 'signal', l.signal,
                         'vendorId', l.vendor_id)::text,
       CASE WHEN EXISTS (SELECT FROM payment_audit_log a WHERE a.subject_id = l.listing_id AND a.seq = 1
                         AND a.action = 'fraud_listing_added') THEN l.listed_by END,
       coalesce(l.ended_by, l.confirmed_by, l.listed_by)
FROM fraud_listings l
WHERE l.audit_seq IS NOT NULL AND (%(subject_id)s::uuid IS NULL OR l.listing_id = %(subject_id)s)
UNION ALL
SELECT 'fraud_rule_set', r.rule_set_id, r.org_id, r.audit_seq, r.audit_head, r.stage, r.digest, r.document::text,
       CASE WHEN EXISTS (SELECT FROM payment_audit_log a WHERE a.subject_id = r.rule_set_id AND a.seq = 1
                         AND a.action = 'fraud_rule_set_proposed') THEN r.proposed_by END, NULL
FROM fraud_rule_sets r
WHERE r.audit_seq IS NOT NULL AND (%(subject_id)s::uuid IS NULL OR r.rule_set_id = %(subject_id)s)
ORDER BY subject_id

-- name: heads_count
SELECT (SELECT count(*) FROM webhook_endpoints WHERE %(subject_id)s::uuid IS NULL OR endpoint_id = %(subject_id)s)
     + (SELECT count(*) FROM policies WHERE %(subject_id)s::uuid IS NULL OR policy_id = %(subject_id)s)
     + (SELECT count(*) FROM delegations WHERE %(subject_id)s::uuid IS NULL OR delegation_id = %(subject_id)s)
     + (SELECT count(*) FROM fraud_listings
        WHERE audit_seq IS NOT NULL AND (%(subject_id)s::uuid IS NULL OR listing_id = %(subject_id)s))
     + (SELECT count(*) FROM fraud_rule_sets
        WHERE audit_seq IS NOT NULL AND (%(subject_id)s::uuid IS NULL OR rule_set_id = %(subject_id)s)) AS heads

-- name: attached
SELECT pg_get_expr(c.relpartbound, c.oid) AS bounds
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'payment_audit_log'::regclass
