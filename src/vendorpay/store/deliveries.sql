-- Deliveries: what is due, what came of it, and what could not be delivered. The line of an aggregate for one
-- subscription is what is pending of it, in the order of sequence; only its head is sent (correctness.md 15).

-- name: due
-- Of each leased shard what is due longest, with the head of its line. Rows known to be blocked are not in the index
-- this reads; the head is looked for in one that is made for it (0010_pre_relay.sql). `busy` are those under way here.
-- In the order of their positions where they are due together: neighbours share what is read about them.
SELECT d.delivery_id, d.subscription_id, d.shard, d.aggregate_id, h.delivery_id AS head_id
FROM unnest(%(subscription_ids)s::uuid[], %(shards)s::integer[], %(most)s::integer[])
    AS l (subscription_id, shard, most)
CROSS JOIN LATERAL (
    SELECT d.delivery_id, d.subscription_id, d.shard, d.aggregate_id, d.due_at FROM deliveries d
    WHERE d.subscription_id = l.subscription_id AND d.shard = l.shard AND d.state = 'pending' AND NOT d.blocked
          AND d.due_at <= now() AND d.delivery_id <> ALL (%(busy)s::uuid[])
    ORDER BY d.due_at, d.delivery_id LIMIT l.most) d
CROSS JOIN LATERAL (
    SELECT h.delivery_id FROM deliveries h
    WHERE h.aggregate_id = d.aggregate_id AND h.subscription_id::text = d.subscription_id::text AND h.state = 'pending'
    ORDER BY h.sequence LIMIT 1) h
ORDER BY d.due_at, d.delivery_id

-- name: block
-- Under a lock on the heads: whoever settles one of them comes before this, and then it is no head any more, or after,
-- and then wakes what is blocked here. A head that is just being settled is left to the next poll.
WITH heads AS MATERIALIZED (
    SELECT h.delivery_id, h.sequence FROM deliveries h
    WHERE h.delivery_id = ANY (%(head_ids)s::uuid[]) AND h.state = 'pending'
    ORDER BY h.delivery_id FOR SHARE SKIP LOCKED
)
UPDATE deliveries d SET blocked = true
FROM unnest(%(blocked_ids)s::uuid[], %(behind)s::uuid[]) AS b (delivery_id, head_id)
JOIN heads h ON h.delivery_id = b.head_id
WHERE d.delivery_id = b.delivery_id AND d.state = 'pending' AND NOT d.blocked AND d.sequence > h.sequence

-- name: events
-- What is to be sent. An event whose month has left the outbox is still told of, without its detail.
SELECT d.delivery_id, d.subscription_id, s.name AS subscription_name, d.attempts, d.org_id, d.position, d.aggregate_id,
       d.sequence, d.event_id, d.event_type, o.aggregate_type, o.occurred_at, o.detail::text AS detail
FROM deliveries d JOIN subscriptions s USING (subscription_id)
LEFT JOIN outbox o ON o.org_id = d.org_id AND o.aggregate_id = d.aggregate_id AND o.sequence = d.sequence
WHERE d.delivery_id = ANY (%(delivery_ids)s::uuid[]) AND d.state = 'pending'

-- name: record
-- Only under a lease that is still ours, and only what nobody has settled or ordered anew meanwhile: `attempts` is how
-- many there were when it was sent. The log counts on where somebody had ordered another round of tries.
WITH said AS MATERIALIZED (
    SELECT * FROM unnest(
        %(said.delivery_id)s::uuid[], %(said.subscription_id)s::uuid[], %(said.shard)s::integer[],
        %(said.epoch)s::bigint[], %(said.attempts)s::integer[], %(said.counted)s::integer[], %(said.state)s::text[],
        %(said.pause_s)s::float8[], %(said.reason)s::text[], %(said.attempted_at)s::timestamptz[],
        %(said.duration_ms)s::integer[], %(said.status)s::integer[], %(said.error)s::text[], %(said.answer)s::text[])
        AS s (delivery_id, subscription_id, shard, epoch, attempts, counted, state, pause_s, reason, attempted_at,
              duration_ms, status, error, answer)
), ours AS MATERIALIZED (
    SELECT l.subscription_id, l.shard FROM relay_leases l
    WHERE l.holder = %(holder)s AND (l.subscription_id, l.shard, l.epoch) IN
          (SELECT s.subscription_id, s.shard, s.epoch FROM said s)
    ORDER BY l.subscription_id, l.shard FOR SHARE
), recorded AS (
    UPDATE deliveries d
    SET state = s.state, attempts = d.attempts + s.counted, last_error = s.reason,
        due_at = CASE s.state WHEN 'pending' THEN now() + make_interval(secs => s.pause_s) ELSE d.due_at END,
        settled_at = CASE s.state WHEN 'pending' THEN NULL ELSE now() END
    FROM said s JOIN ours USING (subscription_id, shard)
    WHERE d.delivery_id = s.delivery_id AND d.state = 'pending' AND d.attempts = s.attempts
    RETURNING d.delivery_id
), logged AS (
    INSERT INTO delivery_attempts (delivery_id, attempt, attempted_at, duration_ms, status, error, answer)
    SELECT s.delivery_id, 1 + coalesce((SELECT max(a.attempt) FROM delivery_attempts a
                                        WHERE a.delivery_id = s.delivery_id), 0),
           s.attempted_at, s.duration_ms, s.status, s.error, s.answer
    FROM said s JOIN recorded USING (delivery_id) WHERE s.duration_ms IS NOT NULL
)
SELECT r.delivery_id FROM recorded r

-- name: dead_letters
SELECT d.delivery_id, d.subscription_id, s.kind AS subscription_kind, s.name AS subscription_name, d.event_id,
       d.event_type, d.aggregate_id, d.sequence, d.position, d.attempts, d.last_error, d.created_at,
       d.settled_at AS dead_since
FROM deliveries d JOIN subscriptions s USING (subscription_id)
WHERE d.org_id = %(org_id)s AND d.state = 'dead' AND d.delivery_id > %(after)s
ORDER BY d.delivery_id LIMIT %(limit)s

-- name: dead_letter
SELECT d.event_id FROM deliveries d
WHERE d.org_id = %(org_id)s AND d.delivery_id = %(delivery_id)s AND d.state = 'dead'
