-- What people told the scorer, as they read it.

-- name: listing_columns
l.listing_id, l.vendor_id, l.kind, l.reason_code, l.signal, l.expires_at, l.listed_by, l.listed_at, l.case_id,
l.confirmed_by, l.confirmed_at, l.ended_by, l.ended_at

-- name: listing_chain
l.org_id, l.audit_seq, l.audit_head, l.event_seq

-- name: listings
SELECT @listing_columns FROM fraud_listings l
WHERE l.org_id = %(org_id)s AND l.listing_id > %(after)s
  AND (%(vendor_id)s::uuid IS NULL OR l.vendor_id = %(vendor_id)s)
ORDER BY l.listing_id
LIMIT %(limit)s

-- name: has_version
SELECT r.rule_set_id FROM fraud_rule_sets r WHERE r.org_id = %(org_id)s AND r.version = %(version)s

-- name: rule_set_columns
r.rule_set_id, r.version, r.proposed_by, r.proposed_at, r.document::text AS document

-- name: rule_set_chain
r.org_id, r.stage, r.audit_seq, r.audit_head, r.event_seq

-- name: rule_sets
-- With what each is used for now: the newest use of each kind counts, and live goes before shadow.
SELECT @rule_set_columns,
       (SELECT min(n.mode) FROM (
            SELECT DISTINCT ON (u.mode) u.mode, u.rule_set_id FROM fraud_rule_set_uses u WHERE u.org_id = r.org_id
            ORDER BY u.mode, u.use_id DESC) n
        WHERE n.rule_set_id = r.rule_set_id) AS mode
FROM fraud_rule_sets r
WHERE r.org_id = %(org_id)s AND r.rule_set_id < %(before)s
ORDER BY r.rule_set_id DESC
LIMIT %(limit)s
