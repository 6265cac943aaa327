-- Upkeep: what has had its time is deleted, by the database's own clock, in small batches.

-- name: take_turn
-- One process at a time, for the transaction that asks.
SELECT pg_try_advisory_xact_lock(hashtextextended('vendorpay.upkeep', 0)) AS obtained

-- name: months_left
SELECT now() AS now, partition_months_left(now()) AS months_left

-- name: delete_commands
SELECT delete_expired_commands(%(most)s) AS deleted

-- name: delete_deliveries
-- Along what is settled of each subscription, from the oldest on. Dead letters stay until somebody has dealt with them.
-- Attempts go with their delivery. That nothing goes before its time, the schema sees to as well (0012).
WITH old AS MATERIALIZED (
    SELECT d.delivery_id
    FROM subscriptions s CROSS JOIN LATERAL (
        SELECT o.delivery_id FROM deliveries o
        WHERE o.subscription_id = s.subscription_id AND o.state IN ('delivered', 'cancelled')
              AND o.settled_at <= now() - make_interval(days => %(days)s::integer)
        ORDER BY o.settled_at LIMIT %(most)s) d
    WHERE s.kind = %(kind)s
    LIMIT %(most)s
), gone AS (
    DELETE FROM deliveries d USING old
    WHERE d.delivery_id = old.delivery_id AND d.state IN ('delivered', 'cancelled')
          AND d.settled_at <= now() - make_interval(days => %(days)s::integer)
    RETURNING 1
)
SELECT count(*)::integer AS deleted FROM gone
