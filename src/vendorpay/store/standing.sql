-- How things stand: a few numbers for the metrics, each read along an index that leads straight to it. What could be
-- many is counted up to a limit: whether 5,000 or a million wait is the same alarm. Limits are blocks and no parameters,
-- so that a connection plans each statement once.

-- name: count_max
5001

-- name: few_max
1001

-- name: heads_max
-- Beyond so many subscriptions with something to deliver the oldest is looked for among these only.
1000

-- name: orgs_max
-- Beyond so many organisations with waiting payments the oldest is looked for among these only.
1000

-- name: walk_max
-- Rows that are asked for their position.
20

-- name: sequencer
-- Without a position are the rows of transactions that were under way when the sequencer last looked, or began later.
-- After a restore the numbers of old transactions come round again, with rows that have their position: the first few
-- are asked. Each step is written as a walk along the index of xid: a join, or a plain
-- equation, could be planned as a look at everything.
SELECT s.stream, (SELECT coalesce(sum(c.last_position), 0) FROM position_counters c
                  WHERE c.stream = s.stream)::float8 AS position,
       coalesce(greatest(0, extract(epoch FROM clock_timestamp() - w.at)), 0)::float8 AS lag_s
FROM sequencer s CROSS JOIN LATERAL (
    SELECT min(n.at) AS at FROM (
        SELECT l.* FROM pg_snapshot_xip(s.seen) AS x (xid) CROSS JOIN LATERAL (
            SELECT o.aggregate_id, o.sequence, o.occurred_at AS at FROM outbox o
            WHERE o.xid >= x.xid AND o.xid <= x.xid ORDER BY o.xid LIMIT @walk_max) l
        UNION ALL
        (SELECT o.aggregate_id, o.sequence, o.occurred_at FROM outbox o
         WHERE o.xid >= pg_snapshot_xmax(s.seen) AND o.xid < pg_snapshot_xmax(pg_current_snapshot())
         ORDER BY o.xid LIMIT @walk_max)) n
    WHERE (SELECT f.position FROM feed_positions f
           WHERE f.aggregate_id = n.aggregate_id AND f.sequence = n.sequence) IS NULL) w
WHERE s.stream = 'feed'
UNION ALL
SELECT s.stream, (SELECT coalesce(sum(c.last_position), 0) FROM position_counters c
                  WHERE c.stream = s.stream)::float8,
       coalesce(greatest(0, extract(epoch FROM clock_timestamp() - w.at)), 0)::float8
FROM sequencer s CROSS JOIN LATERAL (
    SELECT min(n.at) AS at FROM (
        SELECT l.* FROM pg_snapshot_xip(s.seen) AS x (xid) CROSS JOIN LATERAL (
            SELECT a.subject_id, a.seq, a."timestamp" AS at FROM payment_audit_log a
            WHERE a.xid >= x.xid AND a.xid <= x.xid ORDER BY a.xid LIMIT @walk_max) l
        UNION ALL
        (SELECT a.subject_id, a.seq, a."timestamp" FROM payment_audit_log a
         WHERE a.xid >= pg_snapshot_xmax(s.seen) AND a.xid < pg_snapshot_xmax(pg_current_snapshot())
         ORDER BY a.xid LIMIT @walk_max)) n
    WHERE (SELECT p.position FROM audit_positions p
           WHERE p.subject_id = n.subject_id AND p.seq = n.seq) IS NULL) w
WHERE s.stream = 'audit'

-- name: deliveries
-- What is pending, of subscriptions that are switched on; and the dead letters of all.
SELECT k.kind,
       (SELECT count(*) FROM (
           SELECT FROM subscriptions s CROSS JOIN LATERAL (
               SELECT FROM deliveries d WHERE d.subscription_id = s.subscription_id AND d.state = 'pending'
               ORDER BY d.delivery_id LIMIT @count_max) d
           WHERE s.kind = k.kind AND s.active LIMIT @count_max) n)::float8 AS pending,
       coalesce(greatest(0, extract(epoch FROM clock_timestamp() - (SELECT min(h.created_at) FROM (
           SELECT d.created_at FROM subscriptions s CROSS JOIN LATERAL (
               SELECT o.created_at FROM deliveries o WHERE o.subscription_id = s.subscription_id AND o.state = 'pending'
               ORDER BY o.delivery_id LIMIT 1) d
           WHERE s.kind = k.kind AND s.active LIMIT @heads_max) h))), 0)::float8 AS oldest_s,
       coalesce(greatest(0, extract(epoch FROM clock_timestamp() - (SELECT min(h.due_at) FROM (
           SELECT d.due_at FROM subscriptions s CROSS JOIN generate_series(0, 63) AS n (shard) CROSS JOIN LATERAL (
               SELECT o.due_at FROM deliveries o
               WHERE o.subscription_id = s.subscription_id AND o.shard = n.shard AND o.state = 'pending'
                     AND NOT o.blocked
               ORDER BY o.due_at LIMIT 1) d
           WHERE s.kind = k.kind AND s.active AND n.shard < s.shards
                 -- What waits for a receiver that fails is its owner's business, and no sign of a relay that stands still.
                 AND NOT EXISTS (SELECT FROM webhook_failures f WHERE f.endpoint_id = s.subscription_id)
           LIMIT @heads_max) h))), 0)::float8 AS overdue_s,
       (SELECT count(*) FROM (
           SELECT FROM subscriptions s CROSS JOIN LATERAL (
               SELECT FROM deliveries d WHERE d.subscription_id = s.subscription_id AND d.state = 'dead'
               ORDER BY d.delivery_id LIMIT @few_max) d
           WHERE s.kind = k.kind LIMIT @few_max) n)::float8 AS dead
FROM (VALUES ('consumer'), ('webhook'), ('bus')) AS k (kind)

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
    WHERE o.n < @orgs_max
)
SELECT (SELECT count(*) FROM (
           SELECT FROM payments p WHERE p.status = 'pending_approval' AND p.payer_type = 'back_office'
           ORDER BY p.org_id, p.payment_id LIMIT @count_max) n)::float8 AS pending,
       coalesce(greatest(0, extract(epoch FROM clock_timestamp()) - (
           SELECT uuid7_ms(o.payment_id) / 1000.0 FROM orgs o ORDER BY o.payment_id LIMIT 1)), 0)::float8 AS oldest_s

-- name: upkeep
SELECT (SELECT count(*) FROM (
           SELECT FROM quarantine q WHERE q.resolved_at IS NULL
           ORDER BY q.org_id, q.quarantine_id LIMIT @count_max) n)::float8 AS quarantined,
       partition_months_left(now())::float8 AS months_left,
       (SELECT count(*) FROM (
           SELECT c.recorded_at FROM commands c WHERE c.command_id < uuid7_floor(now() - interval '30 days')
           ORDER BY c.command_id LIMIT @few_max) n
        WHERE n.recorded_at <= now() - interval '30 days')::float8 AS keys_expired,
       -- Of the first few positions after the newest checkpoint, for an entry may be gone.
       coalesce((SELECT greatest(0, extract(epoch FROM clock_timestamp() - min(u.at)))
                 FROM (SELECT k.to_position FROM audit_checkpoints k ORDER BY k.number DESC LIMIT 1) c
                 CROSS JOIN LATERAL (
                     SELECT p.subject_id, p.seq FROM audit_positions p
                     WHERE p.position > c.to_position ORDER BY p.position LIMIT @walk_max) w
                 CROSS JOIN LATERAL (
                     SELECT a."timestamp" AS at FROM payment_audit_log a
                     WHERE a.subject_id = w.subject_id AND a.seq = w.seq LIMIT 1) u), 0)::float8 AS uncovered_s

-- name: fraud
-- What waits for its score is as old as its id, or as its last edit; the oldest cases have the smallest ids. New content
-- of a payment whose case is open waits too, behind a gate that says so of the case alone: looked for behind the oldest.
WITH behind_a_case AS MATERIALIZED (
    SELECT w.updated_at
    FROM (SELECT c.payment_id FROM fraud_cases c WHERE c.status = 'open' ORDER BY c.case_id LIMIT @few_max) o
    CROSS JOIN LATERAL (
        SELECT p.updated_at, p.fraud_status FROM payments p WHERE p.payment_id = o.payment_id LIMIT 1) w
    WHERE w.fraud_status IS NULL)
SELECT least(@count_max, (SELECT count(*) FROM (
           SELECT FROM payments p WHERE p.fraud_gate = 'score_pending' ORDER BY p.payment_id LIMIT @count_max) n)
           + (SELECT count(*) FROM behind_a_case))::float8 AS unscored,
       coalesce((SELECT greatest(0, extract(epoch FROM clock_timestamp() - min(o.updated_at))) FROM (
           (SELECT p.updated_at FROM payments p WHERE p.fraud_gate = 'score_pending'
            ORDER BY p.payment_id LIMIT @walk_max)
           UNION ALL SELECT b.updated_at FROM behind_a_case b) o), 0)::float8 AS unscored_s,
       (SELECT count(*) FROM (
           SELECT FROM fraud_cases c WHERE c.status = 'open' ORDER BY c.case_id LIMIT @count_max) n)::float8
           AS open_cases,
       coalesce((SELECT greatest(0, extract(epoch FROM clock_timestamp() - min(o.opened_at))) FROM (
           SELECT c.opened_at FROM fraud_cases c WHERE c.status = 'open'
           ORDER BY c.case_id LIMIT @walk_max) o), 0)::float8 AS open_case_s
