-- The feed of one organisation, by position.

-- name: page
-- A stretch of positions and their events, each looked up by its key. Positions are dense, so the stretch's length is
-- known; an event that was put away with its partition is left out.
SELECT p.org_id, p.position, e.aggregate_type, e.aggregate_id, e.sequence, e.event_id, e.event_type, e.occurred_at,
       e.detail
FROM feed_positions p CROSS JOIN LATERAL (
    SELECT o.aggregate_type, o.aggregate_id, o.sequence, o.event_id, o.event_type, o.occurred_at, o.detail::text AS detail
    FROM outbox o
    WHERE o.org_id = p.org_id AND o.aggregate_id = p.aggregate_id AND o.sequence = p.sequence
    LIMIT 1) e
WHERE p.org_id = %(org_id)s AND p.position > %(after)s AND p.position <= %(until)s
      AND (%(event_types)s::text[] IS NULL OR e.event_type = ANY (%(event_types)s::text[]))
ORDER BY p.position
LIMIT %(limit)s

-- name: last_position
SELECT coalesce((SELECT last_position FROM position_counters WHERE stream = 'feed' AND org_id = %(org_id)s), 0)
       AS last_position
