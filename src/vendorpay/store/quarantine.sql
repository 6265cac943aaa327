-- Events that could not be accepted.

-- name: page
-- Open ones, oldest first; of each the beginning, for an event may be as large as a request.
SELECT q.quarantine_id, q.reason, q.errors::text AS errors, q.publisher, q.times_seen, q.first_seen_at, q.last_seen_at,
       substring(q.raw FOR %(shown)s) AS raw, octet_length(q.raw) AS raw_bytes
FROM quarantine q
WHERE q.org_id = %(org_id)s AND q.resolved_at IS NULL AND q.quarantine_id > %(after)s
ORDER BY q.quarantine_id
LIMIT %(limit)s

-- name: raw
SELECT q.raw FROM quarantine q WHERE q.org_id = %(org_id)s AND q.quarantine_id = %(quarantine_id)s
