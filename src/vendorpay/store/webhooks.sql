-- Webhook endpoints as people and the relay read them, the log of their deliveries, and what is put in line once more.

-- name: endpoint
e.endpoint_id, e.org_id, e.url, e.description, s.event_types, e.max_in_flight, e.status, e.disabled_reason,
e.disabled_at, e.disabled_position, e.deleted_at, e.version, e.audit_seq, e.audit_head, e.event_seq, e.created_by,
e.created_at, e.updated_at, s.replay_after, s.replay_until, s.replay_again

-- name: live_secrets
-- All that are stored: which of them have come to their end is said by the time of whoever asks.
(SELECT json_agg(json_build_object('secretId', k.secret_id, 'createdAt', k.created_at, 'expiresAt', k.expires_at)
                 ORDER BY k.created_at DESC, k.secret_id DESC)::text
 FROM webhook_secrets k WHERE k.org_id = e.org_id AND k.endpoint_id = e.endpoint_id)

-- name: pending_max
1001

-- name: standing
-- How an endpoint fares: what waits, counted up to a limit, since when, and why the oldest of it that was tried does.
SELECT @endpoint, @live_secrets AS secrets, f.failing_since, w.pending, w.oldest_pending_at, w.last_error
FROM webhook_endpoints e JOIN subscriptions s ON s.subscription_id = e.endpoint_id
LEFT JOIN webhook_failures f ON f.endpoint_id = e.endpoint_id
CROSS JOIN LATERAL (
    SELECT count(*)::integer AS pending, min(o.created_at) AS oldest_pending_at,
           (array_agg(o.last_error ORDER BY o.delivery_id) FILTER (WHERE o.last_error IS NOT NULL))[1] AS last_error
    FROM (SELECT d.delivery_id, d.created_at, d.last_error FROM deliveries d
          WHERE d.org_id = e.org_id AND d.subscription_id = e.endpoint_id AND d.state = 'pending'
          ORDER BY d.delivery_id LIMIT @pending_max) o) w

-- name: endpoints
@standing
WHERE e.org_id = %(org_id)s AND e.status <> 'deleted'
ORDER BY e.endpoint_id LIMIT %(limit)s

-- name: endpoint_by_id
@standing
WHERE e.org_id = %(org_id)s AND e.endpoint_id = %(endpoint_id)s AND e.status <> 'deleted'

-- name: secret
SELECT k.secret FROM webhook_secrets k WHERE k.org_id = %(org_id)s AND k.secret_id = %(secret_id)s

-- name: delivery_log
-- With the head of the line that a pending one stands in, found as the relay finds it (deliveries.sql, due); a line's
-- rows are only marked as blocked once the relay has come across them.
SELECT d.delivery_id, d.event_id, d.event_type, d.position, d.aggregate_id, d.sequence, d.state,
       CASE d.state WHEN 'pending' THEN d.due_at END AS due_at, d.settled_at, d.last_error, d.created_at,
       CASE WHEN d.state = 'pending' THEN
           (SELECT nullif(h.delivery_id, d.delivery_id) FROM deliveries h
            WHERE h.aggregate_id = d.aggregate_id AND h.subscription_id::text = d.subscription_id::text
                  AND h.state = 'pending'
            ORDER BY h.sequence LIMIT 1) END AS waits_for,
       coalesce((SELECT json_agg(json_build_object(
                            'attempt', a.attempt, 'at', a.attempted_at, 'durationMs', a.duration_ms, 'status', a.status,
                            'error', a.error, 'answer', a.answer) ORDER BY a.attempt DESC)
                 FROM (SELECT * FROM delivery_attempts l WHERE l.delivery_id = d.delivery_id
                       ORDER BY l.attempt DESC LIMIT %(attempts)s) a), '[]')::text AS attempts

-- name: deliveries
-- As many of each state as are shown at most, along an index by state, and of these the newest.
@delivery_log
FROM (SELECT n.* FROM unnest(%(states)s::text[]) AS s (state) CROSS JOIN LATERAL (
          SELECT * FROM deliveries o
          WHERE o.org_id = %(org_id)s AND o.subscription_id = %(endpoint_id)s AND o.state = s.state
                AND o.delivery_id < %(before)s
          ORDER BY o.delivery_id DESC LIMIT %(limit)s) n
      ORDER BY n.delivery_id DESC LIMIT %(limit)s) d
ORDER BY d.delivery_id DESC

-- name: failing_deliveries
-- What was tried in vain and is tried again: the heads of lines.
@delivery_log
FROM (SELECT * FROM deliveries o
      WHERE o.org_id = %(org_id)s AND o.subscription_id = %(endpoint_id)s AND o.state = 'pending' AND NOT o.blocked
            AND o.attempts > 0 AND o.delivery_id < %(before)s
      ORDER BY o.delivery_id DESC LIMIT %(limit)s) d
ORDER BY d.delivery_id DESC

-- name: delivery
SELECT d.event_id, e.endpoint_id
FROM deliveries d JOIN webhook_endpoints e ON e.endpoint_id = d.subscription_id
WHERE d.org_id = %(org_id)s AND d.delivery_id = %(delivery_id)s AND e.status <> 'deleted'

-- name: waiting_after
SELECT d.position - 1 AS position FROM deliveries d
WHERE d.org_id = %(org_id)s AND d.subscription_id = %(endpoint_id)s AND d.state = 'pending'
ORDER BY d.position LIMIT 1

-- name: limits
-- For the relay: one that is disabled, or for which events are still being put in line, is sent nothing; and one that
-- only fails gets one request at a time, so that it does not take up the room that others need.
SELECT e.endpoint_id, CASE WHEN f.failed_tries >= %(failing)s THEN 1 ELSE e.max_in_flight END AS at_once
FROM webhook_endpoints e JOIN subscriptions s ON s.subscription_id = e.endpoint_id
LEFT JOIN webhook_failures f ON f.endpoint_id = e.endpoint_id
WHERE e.endpoint_id = ANY (%(endpoint_ids)s::uuid[]) AND e.status = 'enabled' AND s.replay_after IS NULL

-- name: sending
-- The relay may have chosen the event before an earlier one of its line was put there by a replay: hence `overtaking`.
SELECT e.url, e.status = 'enabled' AS enabled, s.replay_after IS NOT NULL AS replaying,
       EXISTS (SELECT FROM deliveries d
               WHERE d.org_id = e.org_id AND d.subscription_id = e.endpoint_id AND d.aggregate_id = %(aggregate_id)s
                     AND d.sequence < %(sequence)s AND d.state = 'pending') AS overtaking,
       f.endpoint_id IS NOT NULL AS failing,
       ARRAY(SELECT k.secret FROM webhook_secrets k
             WHERE k.org_id = e.org_id AND k.endpoint_id = e.endpoint_id
                   AND (k.expires_at IS NULL OR k.expires_at > %(now)s)
             ORDER BY k.created_at DESC, k.secret_id DESC) AS secrets
FROM webhook_endpoints e JOIN subscriptions s ON s.subscription_id = e.endpoint_id
LEFT JOIN webhook_failures f ON f.endpoint_id = e.endpoint_id
WHERE e.org_id = %(org_id)s AND e.endpoint_id = %(endpoint_id)s

-- name: count_failure
-- By the clock of the database, as everything of the relay is.
INSERT INTO webhook_failures AS f (endpoint_id, org_id, failing_since)
SELECT e.endpoint_id, e.org_id, now() FROM webhook_endpoints e
WHERE e.org_id = %(org_id)s AND e.endpoint_id = %(endpoint_id)s AND e.status = 'enabled'
ON CONFLICT (endpoint_id) DO UPDATE SET failed_tries = f.failed_tries + 1
RETURNING f.failed_tries = 1 AS first,
          f.failed_tries >= %(tries)s AND f.failing_since <= now() - make_interval(secs => %(seconds)s) AS too_long

-- name: forget_failures
DELETE FROM webhook_failures f WHERE f.org_id = %(org_id)s AND f.endpoint_id = %(endpoint_id)s
RETURNING f.endpoint_id

-- name: replaying
SELECT s.org_id, s.subscription_id FROM subscriptions s
WHERE s.replay_after IS NOT NULL AND s.active AND s.kind = 'webhook'
ORDER BY s.subscription_id LIMIT %(limit)s

-- name: replay
-- The next part of a range. What waits already is due at once; what was settled waits again where that was asked for.
-- What the outbox does not hold any more cannot be sent.
WITH subscription AS MATERIALIZED (
    SELECT s.* FROM subscriptions s
    WHERE s.org_id = %(org_id)s AND s.subscription_id = %(endpoint_id)s AND s.active AND s.replay_after IS NOT NULL
    FOR NO KEY UPDATE SKIP LOCKED
), part AS MATERIALIZED (
    SELECT f.position, f.aggregate_id, f.sequence FROM subscription s JOIN feed_positions f ON f.org_id = s.org_id
         AND f.position > s.replay_after AND f.position <= s.replay_until
    ORDER BY f.position LIMIT %(limit)s
), lined_up AS (
    INSERT INTO deliveries AS d (delivery_id, subscription_id, shard, org_id, position, aggregate_id, sequence,
                                 event_id, event_type, due_at, created_at)
    SELECT uuid7_of(now(), p.position), s.subscription_id, shard_of(p.aggregate_id, s.shards), s.org_id, p.position,
           p.aggregate_id, p.sequence, o.event_id, o.event_type, now(), now()
    FROM subscription s CROSS JOIN part p
    JOIN outbox o ON o.org_id = s.org_id AND o.aggregate_id = p.aggregate_id AND o.sequence = p.sequence
    WHERE s.event_types = '{}' OR o.event_type = ANY (s.event_types)
    ORDER BY p.aggregate_id, p.sequence
    ON CONFLICT ON CONSTRAINT deliveries_one_per_event DO UPDATE
        SET state = 'pending', attempts = 0, due_at = now(), settled_at = NULL
        WHERE d.state = 'pending' OR (SELECT s.replay_again FROM subscription s)
), moved AS (
    UPDATE subscriptions s
    SET replay_after = n.after, replay_until = CASE WHEN n.after IS NOT NULL THEN s.replay_until END,
        replay_again = s.replay_again AND n.after IS NOT NULL
    FROM (SELECT CASE WHEN max(p.position) < max(t.replay_until) THEN max(p.position) END AS after
          FROM subscription t LEFT JOIN part p ON true) n
    WHERE s.subscription_id IN (SELECT t.subscription_id FROM subscription t)
    RETURNING s.replay_after
)
SELECT m.replay_after IS NOT NULL AS more FROM moved m

-- name: cancel_deleted
-- A part of what waits for endpoints that are deleted, or was given up: nobody will send it again.
WITH unsent AS MATERIALIZED (
    SELECT w.delivery_id FROM webhook_endpoints e CROSS JOIN (VALUES ('pending'), ('dead')) AS u (state)
    CROSS JOIN LATERAL (
        SELECT d.delivery_id FROM deliveries d
        WHERE d.org_id = e.org_id AND d.subscription_id = e.endpoint_id AND d.state = u.state
        ORDER BY d.delivery_id LIMIT %(limit)s) w
    WHERE e.status = 'deleted' LIMIT %(limit)s
)
UPDATE deliveries d SET state = 'cancelled', settled_at = now()
WHERE d.delivery_id IN (SELECT w.delivery_id FROM unsent w) AND d.state IN ('pending', 'dead')
RETURNING d.delivery_id

-- name: forget_secrets
DELETE FROM webhook_secrets k WHERE k.secret_id IN (
    SELECT e.secret_id FROM webhook_secrets e WHERE e.expires_at < now() - interval '1 day' LIMIT %(limit)s)
