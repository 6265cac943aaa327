-- What people told the scorer, as they read it.

-- name: listing_columns
l.listing_id, l.vendor_id, l.kind, l.reason_code, l.signal, l.expires_at, l.listed_by, l.listed_at, l.case_id,
l.ended_by, l.ended_at

-- name: listing
SELECT @listing_columns FROM fraud_listings l WHERE l.org_id = %(org_id)s AND l.listing_id = %(listing_id)s

-- name: listings
SELECT @listing_columns FROM fraud_listings l
WHERE l.org_id = %(org_id)s AND l.listing_id > %(after)s
  AND (%(vendor_id)s::uuid IS NULL OR l.vendor_id = %(vendor_id)s)
ORDER BY l.listing_id
LIMIT %(limit)s

-- name: has_version
SELECT r.rule_set_id FROM fraud_rule_sets r WHERE r.org_id = %(org_id)s AND r.version = %(version)s

-- name: rule_sets
-- With what each is used for now: the newest use of each kind counts, and live goes before shadow.
SELECT r.rule_set_id, r.version, r.proposed_by, r.proposed_at, r.document::text AS document,
       (SELECT min(n.mode) FROM (
            SELECT DISTINCT ON (u.mode) u.mode, u.rule_set_id FROM fraud_rule_set_uses u WHERE u.org_id = r.org_id
            ORDER BY u.mode, u.use_id DESC) n
        WHERE n.rule_set_id = r.rule_set_id) AS mode
FROM fraud_rule_sets r
WHERE r.org_id = %(org_id)s
ORDER BY r.rule_set_id DESC
LIMIT %(limit)s
