-- Upkeep: what has had its time is deleted, by the database's own clock, in small batches.

-- name: take_turn
-- One process at a time, for the transaction that asks.
SELECT pg_try_advisory_xact_lock(hashtextextended('vendorpay.upkeep', 0)) AS obtained

-- name: months_left
SELECT now() AS now, partition_months_left(now()) AS months_left

-- name: delete_commands
SELECT delete_expired_commands(%(most)s) AS deleted

-- name: delete_deliveries
-- Along each subscription's deliveries from the oldest on. One is settled after it was made, so that younger ones need
-- not be looked at; dead letters stay until somebody has dealt with them. Their attempts go with them.
WITH old AS MATERIALIZED (
    SELECT d.delivery_id
    FROM subscriptions s CROSS JOIN LATERAL (
        SELECT o.delivery_id FROM deliveries o
        WHERE o.subscription_id = s.subscription_id
              AND o.delivery_id < uuid7_floor(now() - make_interval(days => %(days)s::integer))
              AND o.state IN ('delivered', 'cancelled')
              AND o.settled_at <= now() - make_interval(days => %(days)s::integer)
        ORDER BY o.delivery_id LIMIT %(most)s) d
    WHERE s.kind = %(kind)s
    LIMIT %(most)s
), gone AS (
    DELETE FROM deliveries d USING old
    WHERE d.delivery_id = old.delivery_id AND d.state IN ('delivered', 'cancelled')
          AND d.settled_at <= now() - make_interval(days => %(days)s::integer)
    RETURNING 1
)
SELECT count(*)::integer AS deleted FROM gone
