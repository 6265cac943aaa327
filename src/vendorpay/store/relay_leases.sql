-- Which relay works on which shard. Times are the database's own: no relay's clock counts. What lies further ahead than
-- two leases was written before that clock was put back (a failover to a machine whose clock is right), and has run out;
-- should its relay live, it writes anew within a third of a lease. A line is what relays share out among themselves: all
-- webhooks together, and each consumer by itself.

-- name: line
(CASE s.kind WHEN 'consumer' THEN 'consumer:' || s.name ELSE s.kind END)

-- name: known
SELECT s.active AND s.event_types = %(event_types)s::text[] AS as_wanted
FROM subscriptions s WHERE s.kind = %(kind)s AND s.name = %(name)s

-- name: hold_sequencer
-- No pass of the sequencer sees half of a change (0006_pre_feed.sql).
SELECT pg_advisory_xact_lock(hashtextextended('vendorpay.sequencer.feed', 0))

-- name: announce
INSERT INTO subscriptions (subscription_id, kind, name, event_types, shards, created_at)
VALUES (%(subscription_id)s, %(kind)s, %(name)s, %(event_types)s::text[], %(shards)s, %(now)s)
ON CONFLICT (kind, name) DO UPDATE SET event_types = excluded.event_types, active = true

-- name: is_active
SELECT FROM subscriptions s WHERE s.kind = %(kind)s AND s.name = %(name)s AND s.active

-- name: withdraw
UPDATE subscriptions SET active = false WHERE kind = %(kind)s AND name = %(name)s AND active

-- name: lay_out
INSERT INTO relay_leases (subscription_id, shard)
SELECT s.subscription_id, n.shard FROM subscriptions s CROSS JOIN LATERAL generate_series(0, s.shards - 1) AS n (shard)
WHERE s.active AND NOT EXISTS (SELECT FROM relay_leases l
                               WHERE l.subscription_id = s.subscription_id AND l.shard = n.shard)
ON CONFLICT DO NOTHING

-- name: appear
INSERT INTO relay_presence (holder, line, seen_until)
SELECT %(holder)s, w.line, now() + make_interval(secs => %(lease_s)s) FROM unnest(%(lines)s::text[]) AS w (line)
ON CONFLICT (holder, line) DO UPDATE SET seen_until = excluded.seen_until

-- name: forget_the_gone
DELETE FROM relay_presence WHERE seen_until < now() - interval '1 minute'

-- name: disappear
DELETE FROM relay_presence WHERE holder = %(holder)s

-- name: renew
-- A lease that ran out and that nobody took is still ours. `active` is false for those to be given up.
UPDATE relay_leases l SET leased_until = now() + make_interval(secs => %(lease_s)s)
FROM unnest(%(subscription_ids)s::uuid[], %(shards)s::integer[], %(epochs)s::bigint[])
         AS o (subscription_id, shard, epoch),
     subscriptions s
WHERE l.subscription_id = o.subscription_id AND l.shard = o.shard AND l.epoch = o.epoch AND l.holder = %(holder)s
      AND s.subscription_id = l.subscription_id
RETURNING l.subscription_id, l.shard, l.epoch, @line AS line, s.org_id, s.active

-- name: standing_of_lines
-- How much there is to share, among how many; `before` orders them, so that all come to the same result.
SELECT w.line, coalesce(l.leases, 0) AS leases, p.relays, p.before
FROM unnest(%(lines)s::text[]) AS w (line)
LEFT JOIN (SELECT @line AS line, count(*) AS leases FROM relay_leases l JOIN subscriptions s USING (subscription_id)
           WHERE s.active GROUP BY 1) l USING (line)
JOIN (SELECT p.line, count(*) AS relays, count(*) FILTER (WHERE p.holder < %(holder)s) AS before
      FROM relay_presence p
      WHERE p.holder = %(holder)s
            OR p.seen_until > now() AND p.seen_until <= now() + 2 * make_interval(secs => %(lease_s)s)
      GROUP BY p.line) p USING (line)

-- name: take
WITH free AS MATERIALIZED (
    SELECT l.subscription_id, l.shard, @line AS line, s.org_id
    FROM relay_leases l JOIN subscriptions s USING (subscription_id)
    WHERE s.active AND @line = %(line)s
          AND (l.leased_until <= now() OR l.leased_until > now() + 2 * make_interval(secs => %(lease_s)s))
    ORDER BY l.subscription_id, l.shard LIMIT %(most)s FOR UPDATE OF l SKIP LOCKED
)
UPDATE relay_leases l
SET holder = %(holder)s, epoch = l.epoch + 1, leased_until = now() + make_interval(secs => %(lease_s)s)
FROM free f WHERE l.subscription_id = f.subscription_id AND l.shard = f.shard
RETURNING l.subscription_id, l.shard, l.epoch, f.line, f.org_id, true AS active

-- name: release
UPDATE relay_leases l SET holder = NULL, leased_until = '-infinity'
FROM unnest(%(subscription_ids)s::uuid[], %(shards)s::integer[], %(epochs)s::bigint[])
    AS o (subscription_id, shard, epoch)
WHERE l.subscription_id = o.subscription_id AND l.shard = o.shard AND l.epoch = o.epoch AND l.holder = %(holder)s

-- name: release_all
-- What was taken in the moment of the end, too, though nobody heard of it: no two relays have one name.
UPDATE relay_leases SET holder = NULL, leased_until = '-infinity' WHERE holder = %(holder)s
