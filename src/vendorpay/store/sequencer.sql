-- Positions after commit; the work is done by functions of the schema, which alone may give them.

-- name: number
SELECT p.outcome, p.numbered, p.target_seen
FROM number_stream(%(stream)s, %(most)s, %(known)s) AS p

-- name: renumber
SELECT renumber_stream(%(stream)s) AS numbered
