-- Checkpoints of the audit log: of every organisation together, as its positions are.

-- name: hold
-- Who makes one goes alone: two at once would make two with one number.
SELECT pg_advisory_xact_lock(hashtextextended('vendorpay.checkpoint', 0))

-- name: insert
INSERT INTO audit_checkpoints (number, from_position, to_position, previous_hash, canonical, hash, made_at)
VALUES (%(number)s, %(from_position)s, %(to_position)s, %(previous_hash)s, %(canonical)s, %(hash)s, %(made_at)s)

-- name: newest
SELECT c.number, c.from_position, c.to_position, c.previous_hash, c.canonical, c.hash
FROM audit_checkpoints c ORDER BY c.number DESC LIMIT 1

-- name: after
SELECT c.number, c.from_position, c.to_position, c.previous_hash, c.canonical, c.hash
FROM audit_checkpoints c WHERE c.number > %(number)s ORDER BY c.number LIMIT %(limit)s

-- name: lines
-- What a checkpoint says of each position. Where the entry is gone its hash is left out. Entry by entry (OFFSET 0): a
-- plan that reads the whole log for each checkpoint would take the square of its size.
SELECT concat_ws(' ', p.position, p.subject_id, p.seq, encode(a.hash, 'hex')) AS line
FROM audit_positions p
LEFT JOIN LATERAL (SELECT l.hash FROM payment_audit_log l WHERE l.subject_id = p.subject_id AND l.seq = p.seq OFFSET 0) a
     ON true
WHERE p.position > %(after)s AND p.position <= %(until)s
ORDER BY p.position, p.subject_id, p.seq, a.hash

-- name: entries_now
-- The hashes that entries have now, and the positions: asked for those alone that are not what they were.
SELECT encode(a.hash, 'hex') AS hash, p.position
FROM (SELECT %(subject_id)s::uuid AS subject_id, %(seq)s::integer AS seq) w
LEFT JOIN payment_audit_log a USING (subject_id, seq) LEFT JOIN audit_positions p USING (subject_id, seq)
LIMIT 1

-- name: hashes_of
SELECT a.seq, encode(a.hash, 'hex') AS hash FROM payment_audit_log a WHERE a.subject_id = %(subject_id)s ORDER BY a.seq

-- name: given
-- Up to which position the counter says that they were given, and what there is.
SELECT coalesce((SELECT c.last_position FROM position_counters c WHERE c.stream = 'audit'), 0) AS given,
       coalesce((SELECT max(p.position) FROM audit_positions p), 0) AS newest

-- name: since
-- What a checkpoint does not cover, and how much of it claims to be older than the checkpoint.
SELECT count(*) AS entries, count(*) FILTER (WHERE a."timestamp" < %(moment)s) AS backdated
FROM payment_audit_log a LEFT JOIN audit_positions p USING (subject_id, seq)
WHERE p.position IS NULL OR p.position > %(until)s

-- name: shipped
SELECT s.number FROM audit_checkpoint_shipments s WHERE s.destination = %(destination)s ORDER BY s.number

-- name: ship
INSERT INTO audit_checkpoint_shipments (destination, number, shipped_at)
VALUES (%(destination)s, %(number)s, %(shipped_at)s) ON CONFLICT DO NOTHING
