-- How things stand: a few numbers for the metrics, each read along an index that leads straight to it. What could be
-- many is counted up to a limit: whether 10,000 or a million wait is the same alarm.

-- name: sequencer
-- Without a position are the rows of transactions that were under way when the sequencer last looked, or began later.
-- After a restore the numbers of old transactions come round again, with rows that have their position.
SELECT s.stream, (SELECT coalesce(sum(c.last_position), 0) FROM position_counters c
                  WHERE c.stream = s.stream)::float8 AS position,
       greatest(0, extract(epoch FROM clock_timestamp() - least(w.late_at, w.next_at)))::float8 AS lag_s
FROM sequencer s CROSS JOIN LATERAL (
    SELECT (SELECT o.occurred_at FROM outbox o
            WHERE o.xid = ANY (ARRAY(SELECT pg_snapshot_xip(s.seen))) AND NOT EXISTS (
                SELECT FROM feed_positions f WHERE f.aggregate_id = o.aggregate_id AND f.sequence = o.sequence)
            ORDER BY o.xid LIMIT 1) AS late_at,
           (SELECT o.occurred_at FROM outbox o
            WHERE o.xid >= pg_snapshot_xmax(s.seen) AND o.xid < pg_snapshot_xmax(pg_current_snapshot()) AND NOT EXISTS (
                SELECT FROM feed_positions f WHERE f.aggregate_id = o.aggregate_id AND f.sequence = o.sequence)
            ORDER BY o.xid LIMIT 1) AS next_at
    WHERE s.stream = 'feed'
    UNION ALL
    SELECT (SELECT a."timestamp" FROM payment_audit_log a
            WHERE a.xid = ANY (ARRAY(SELECT pg_snapshot_xip(s.seen))) AND NOT EXISTS (
                SELECT FROM audit_positions p WHERE p.subject_id = a.subject_id AND p.seq = a.seq)
            ORDER BY a.xid LIMIT 1),
           (SELECT a."timestamp" FROM payment_audit_log a
            WHERE a.xid >= pg_snapshot_xmax(s.seen) AND a.xid < pg_snapshot_xmax(pg_current_snapshot()) AND NOT EXISTS (
                SELECT FROM audit_positions p WHERE p.subject_id = a.subject_id AND p.seq = a.seq)
            ORDER BY a.xid LIMIT 1)
    WHERE s.stream = 'audit') w

-- name: deliveries
-- Of subscriptions that are switched on; dead letters of all.
SELECT k.kind,
       (SELECT count(*) FROM (
           SELECT FROM subscriptions s CROSS JOIN LATERAL (
               SELECT FROM deliveries d WHERE d.subscription_id = s.subscription_id AND d.state = 'pending'
               ORDER BY d.delivery_id LIMIT %(count_max)s) d
           WHERE s.kind = k.kind AND s.active LIMIT %(count_max)s) n)::float8 AS pending,
       coalesce((SELECT greatest(0, extract(epoch FROM clock_timestamp() - min(d.created_at)))
           FROM subscriptions s CROSS JOIN LATERAL (
               SELECT o.created_at FROM deliveries o WHERE o.subscription_id = s.subscription_id AND o.state = 'pending'
               ORDER BY o.delivery_id LIMIT 1) d
           WHERE s.kind = k.kind AND s.active), 0)::float8 AS oldest_s,
       coalesce((SELECT greatest(0, extract(epoch FROM clock_timestamp() - min(d.due_at)))
           FROM subscriptions s CROSS JOIN LATERAL generate_series(0, s.shards - 1) AS h (shard) CROSS JOIN LATERAL (
               SELECT o.due_at FROM deliveries o
               WHERE o.subscription_id = s.subscription_id AND o.shard = h.shard AND o.state = 'pending'
                     AND NOT o.blocked
               ORDER BY o.due_at LIMIT 1) d
           WHERE s.kind = k.kind AND s.active), 0)::float8 AS overdue_s,
       (SELECT count(*) FROM (
           SELECT d.subscription_id FROM deliveries d WHERE d.state = 'dead'
           ORDER BY d.org_id, d.delivery_id LIMIT %(count_max)s) n
        JOIN subscriptions s USING (subscription_id) WHERE s.kind = k.kind)::float8 AS dead
FROM (VALUES ('consumer'), ('webhook')) AS k (kind)

-- name: approvals
-- The order keeps to the index of what waits, however wrong the planner's idea of how many that are. The oldest of all
-- is among the oldest of each organisation: from one to the next by the same index.
WITH RECURSIVE orgs (org_id, payment_id, n) AS (
    (SELECT p.org_id, p.payment_id, 1 FROM payments p
     WHERE p.status = 'pending_approval' AND p.payer_type = 'back_office' ORDER BY p.org_id, p.payment_id LIMIT 1)
    UNION ALL
    SELECT f.org_id, f.payment_id, o.n + 1 FROM orgs o CROSS JOIN LATERAL (
        SELECT p.org_id, p.payment_id FROM payments p
        WHERE p.status = 'pending_approval' AND p.payer_type = 'back_office' AND p.org_id > o.org_id
        ORDER BY p.org_id, p.payment_id LIMIT 1) f
    WHERE o.n < %(orgs_max)s
)
SELECT (SELECT count(*) FROM (
           SELECT FROM payments p WHERE p.status = 'pending_approval' AND p.payer_type = 'back_office'
           ORDER BY p.org_id, p.payment_id LIMIT %(count_max)s) n)::float8 AS pending,
       coalesce(greatest(0, extract(epoch FROM clock_timestamp()) - (
           SELECT uuid7_ms(o.payment_id) / 1000.0 FROM orgs o ORDER BY o.payment_id LIMIT 1)), 0)::float8 AS oldest_s

-- name: upkeep
SELECT (SELECT count(*) FROM (
           SELECT FROM quarantine q WHERE q.resolved_at IS NULL
           ORDER BY q.org_id, q.quarantine_id LIMIT %(count_max)s) n)::float8 AS quarantined,
       partition_months_left(now())::float8 AS months_left,
       (SELECT count(*) FROM (
           SELECT FROM commands c
           WHERE c.command_id < uuid7_floor(now() - interval '30 days') AND c.recorded_at <= now() - interval '30 days'
           ORDER BY c.command_id LIMIT %(keys_max)s) n)::float8 AS keys_expired
