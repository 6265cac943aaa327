-- What a batch locks and looks up before it decides. Lock order: keys, events, jobs, the feed, rows of
-- subjects (correctness.md 3).

-- name: try_locks
-- Never waits: what is not obtained is held by another transaction. The transaction id is taken here, so that the fate
-- of a COMMIT without an answer can be asked for.
SELECT pg_current_xact_id()::text AS xid,
       ARRAY(SELECT pg_try_advisory_xact_lock(k.hash) FROM unnest(%(hashes)s::bigint[]) WITH ORDINALITY AS k (hash, n)
             ORDER BY k.n) AS obtained

-- name: wait_for_lock
SELECT pg_advisory_xact_lock(%(hash)s::bigint)

-- name: recall
SELECT k.n, c.fingerprint, c.payment_id, c.answer
FROM unnest(%(org_ids)s::text[], %(operations)s::text[], %(callers)s::text[], %(keys)s::text[])
     WITH ORDINALITY AS k (org_id, operation, caller, idempotency_key, n)
JOIN commands c USING (org_id, operation, caller, idempotency_key)

-- name: seen_events
SELECT e.n, i.payment_id
FROM unnest(%(org_ids)s::text[], %(sources)s::text[], %(event_ids)s::text[])
     WITH ORDINALITY AS e (org_id, source, event_id, n)
JOIN inbox i USING (org_id, source, event_id)

-- name: twins
-- The payments of each job; the live one first, then the newest.
SELECT DISTINCT ON (j.n) j.n, p.payment_id, p.status
FROM unnest(%(org_ids)s::text[], %(incident_ids)s::uuid[], %(vendor_ids)s::uuid[], %(refs)s::text[])
     WITH ORDINALITY AS j (org_id, incident_id, vendor_id, reference, n)
JOIN payments p USING (org_id, incident_id, vendor_id, reference)
ORDER BY j.n, p.status IN ('rejected', 'cancelled', 'reversed'), p.payment_id DESC

-- name: policies
-- The policy that applies in each organisation; its document only where it is not the one that is known already.
SELECT w.org_id, coalesce(a.version, 0) AS version, p.document::text AS document,
       (SELECT coalesce(max(l.version), 0) FROM policies l WHERE l.org_id = w.org_id) AS last_version
FROM unnest(%(org_ids)s::text[], %(known)s::integer[]) AS w (org_id, known)
LEFT JOIN active_policies a ON a.org_id = w.org_id
LEFT JOIN policies p ON p.org_id = a.org_id AND p.version = a.version AND a.version <> w.known

-- name: known_vendors
-- Vendors of whom a payment was approved before.
SELECT w.n FROM unnest(%(org_ids)s::text[], %(vendor_ids)s::uuid[]) WITH ORDINALITY AS w (org_id, vendor_id, n)
WHERE EXISTS (SELECT FROM payments p WHERE p.org_id = w.org_id AND p.vendor_id = w.vendor_id
              AND p.status IN ('approved', 'processing', 'completed', 'failed', 'reversed'))

-- name: delegations
-- Who may approve in whose name, those that are open or will be; at which moment, the command asks.
SELECT w.n, @delegation
FROM unnest(%(org_ids)s::text[], %(delegator_ids)s::text[], %(delegate_ids)s::text[])
     WITH ORDINALITY AS w (org_id, delegator_id, delegate_id, n)
JOIN delegations d ON d.org_id = w.org_id AND d.delegator_id = w.delegator_id AND d.delegate_id = w.delegate_id
WHERE d.ended_at IS NULL

-- name: limits_used
SELECT w.n, u.used_cents
FROM unnest(%(org_ids)s::text[], %(subject_types)s::text[], %(subject_ids)s::text[], %(currencies)s::text[],
            %(periods)s::text[], %(period_starts)s::date[])
     WITH ORDINALITY AS w (org_id, subject_type, subject_id, currency, period, period_start, n)
JOIN limit_usage u ON u.org_id = w.org_id AND u.subject_type = w.subject_type AND u.subject_id = w.subject_id
     AND u.currency = w.currency AND u.period = w.period AND u.period_start = w.period_start

-- name: try_feed
-- The sequencer's own lock (0011): while we hold it, no event gets a position, and no subscription is half changed.
SELECT pg_try_advisory_xact_lock(hashtextextended('vendorpay.sequencer.feed', 0)) AS obtained

-- name: wait_for_feed
SELECT pg_advisory_xact_lock(hashtextextended('vendorpay.sequencer.feed', 0))

-- name: feeds
-- A statement of its own after the lock: its snapshot sees the last pass.
SELECT f.org_id,
       coalesce((SELECT c.last_position FROM position_counters c WHERE c.stream = 'feed' AND c.org_id = f.org_id), 0)
           AS last_position,
       (SELECT count(*) FROM webhook_endpoints e WHERE e.org_id = f.org_id AND e.status <> 'deleted') AS endpoints
FROM unnest(%(org_ids)s::text[]) AS f (org_id)

-- name: lock_payments
-- Rows that another transaction holds are left out: their commands wait alone, not the whole batch.
SELECT @state FROM payments p
JOIN unnest(%(org_ids)s::text[], %(subject_ids)s::uuid[]) AS w (org_id, payment_id) USING (org_id, payment_id)
ORDER BY p.payment_id
FOR NO KEY UPDATE OF p SKIP LOCKED

-- name: wait_for_payments
SELECT @state FROM payments p
JOIN unnest(%(org_ids)s::text[], %(subject_ids)s::uuid[]) AS w (org_id, payment_id) USING (org_id, payment_id)
ORDER BY p.payment_id
FOR NO KEY UPDATE OF p

-- name: payment_children
-- A statement of its own after the locks: its snapshot sees what the rows' last writers committed.
SELECT p.payment_id AS subject_id, @lines AS lines, @approvals AS approvals, @holds AS holds, @fraud_case AS fraud_case
FROM payments p
JOIN unnest(%(org_ids)s::text[], %(subject_ids)s::uuid[]) AS w (org_id, payment_id) USING (org_id, payment_id)

-- name: lock_endpoints
-- With their subscriptions, which the replay of events moves on by itself.
SELECT @endpoint FROM webhook_endpoints e JOIN subscriptions s ON s.subscription_id = e.endpoint_id
JOIN unnest(%(org_ids)s::text[], %(subject_ids)s::uuid[]) AS w (org_id, endpoint_id)
    ON w.org_id = e.org_id AND w.endpoint_id = e.endpoint_id
ORDER BY e.endpoint_id
FOR NO KEY UPDATE OF e, s SKIP LOCKED

-- name: wait_for_endpoints
SELECT @endpoint FROM webhook_endpoints e JOIN subscriptions s ON s.subscription_id = e.endpoint_id
JOIN unnest(%(org_ids)s::text[], %(subject_ids)s::uuid[]) AS w (org_id, endpoint_id)
    ON w.org_id = e.org_id AND w.endpoint_id = e.endpoint_id
ORDER BY e.endpoint_id
FOR NO KEY UPDATE OF e, s

-- name: endpoint_children
SELECT e.endpoint_id AS subject_id, @live_secrets AS secrets
FROM webhook_endpoints e
JOIN unnest(%(org_ids)s::text[], %(subject_ids)s::uuid[]) AS w (org_id, endpoint_id) USING (org_id, endpoint_id)

-- name: lock_policies
SELECT @policy FROM policies p
JOIN unnest(%(org_ids)s::text[], %(subject_ids)s::uuid[]) AS w (org_id, policy_id) USING (org_id, policy_id)
ORDER BY p.policy_id
FOR NO KEY UPDATE OF p SKIP LOCKED

-- name: wait_for_policies
SELECT @policy FROM policies p
JOIN unnest(%(org_ids)s::text[], %(subject_ids)s::uuid[]) AS w (org_id, policy_id) USING (org_id, policy_id)
ORDER BY p.policy_id
FOR NO KEY UPDATE OF p

-- name: policy_children
SELECT p.policy_id AS subject_id, a.version AS active_version
FROM policies p
JOIN unnest(%(org_ids)s::text[], %(subject_ids)s::uuid[]) AS w (org_id, policy_id) USING (org_id, policy_id)
LEFT JOIN active_policies a ON a.org_id = p.org_id

-- name: lock_delegations
SELECT @delegation FROM delegations d
JOIN unnest(%(org_ids)s::text[], %(subject_ids)s::uuid[]) AS w (org_id, delegation_id) USING (org_id, delegation_id)
ORDER BY d.delegation_id
FOR NO KEY UPDATE OF d SKIP LOCKED

-- name: wait_for_delegations
SELECT @delegation FROM delegations d
JOIN unnest(%(org_ids)s::text[], %(subject_ids)s::uuid[]) AS w (org_id, delegation_id) USING (org_id, delegation_id)
ORDER BY d.delegation_id
FOR NO KEY UPDATE OF d

-- name: delegation_children
SELECT d.delegation_id AS subject_id FROM delegations d
JOIN unnest(%(org_ids)s::text[], %(subject_ids)s::uuid[]) AS w (org_id, delegation_id) USING (org_id, delegation_id)

-- name: lock_fraud_listings
SELECT @listing_columns, @listing_chain FROM fraud_listings l
JOIN unnest(%(org_ids)s::text[], %(subject_ids)s::uuid[]) AS w (org_id, listing_id)
    ON w.org_id = l.org_id AND w.listing_id = l.listing_id
ORDER BY l.listing_id
FOR NO KEY UPDATE OF l SKIP LOCKED

-- name: wait_for_fraud_listings
SELECT @listing_columns, @listing_chain FROM fraud_listings l
JOIN unnest(%(org_ids)s::text[], %(subject_ids)s::uuid[]) AS w (org_id, listing_id)
    ON w.org_id = l.org_id AND w.listing_id = l.listing_id
ORDER BY l.listing_id
FOR NO KEY UPDATE OF l

-- name: fraud_listing_children
SELECT l.listing_id AS subject_id FROM fraud_listings l
JOIN unnest(%(org_ids)s::text[], %(subject_ids)s::uuid[]) AS w (org_id, listing_id)
    ON w.org_id = l.org_id AND w.listing_id = l.listing_id

-- name: lock_fraud_rule_sets
SELECT @rule_set_columns, @rule_set_chain FROM fraud_rule_sets r
JOIN unnest(%(org_ids)s::text[], %(subject_ids)s::uuid[]) AS w (org_id, rule_set_id)
    ON w.org_id = r.org_id AND w.rule_set_id = r.rule_set_id
ORDER BY r.rule_set_id
FOR NO KEY UPDATE OF r SKIP LOCKED

-- name: wait_for_fraud_rule_sets
SELECT @rule_set_columns, @rule_set_chain FROM fraud_rule_sets r
JOIN unnest(%(org_ids)s::text[], %(subject_ids)s::uuid[]) AS w (org_id, rule_set_id)
    ON w.org_id = r.org_id AND w.rule_set_id = r.rule_set_id
ORDER BY r.rule_set_id
FOR NO KEY UPDATE OF r

-- name: fraud_rule_set_children
-- Whoever uses one holds the organisation's book, so that the newest use is the newest.
SELECT r.rule_set_id AS subject_id,
       r.rule_set_id IS NOT DISTINCT FROM (
           SELECT u.rule_set_id FROM fraud_rule_set_uses u WHERE u.org_id = r.org_id AND u.mode = 'live'
           ORDER BY u.use_id DESC LIMIT 1) AS is_live,
       r.rule_set_id IS NOT DISTINCT FROM (
           SELECT u.rule_set_id FROM fraud_rule_set_uses u WHERE u.org_id = r.org_id AND u.mode = 'shadow'
           ORDER BY u.use_id DESC LIMIT 1) AS is_tried,
       EXISTS (SELECT FROM fraud_rule_set_uses u WHERE u.org_id = r.org_id AND u.mode = 'live'
               AND u.rule_set_id = r.rule_set_id) AS has_decided
FROM fraud_rule_sets r
JOIN unnest(%(org_ids)s::text[], %(subject_ids)s::uuid[]) AS w (org_id, rule_set_id)
    ON w.org_id = r.org_id AND w.rule_set_id = r.rule_set_id

-- name: fate
SELECT pg_xact_status(%(xid)s::xid8) AS fate

-- name: committed
SELECT count(*) AS found FROM commands WHERE command_id = ANY(%(command_ids)s::uuid[])
