-- Payments that the fraud history does not have yet: they were recorded before there was one, or while nobody scored.

-- name: take_turn
-- One process at a time, for the transaction that asks.
SELECT pg_try_advisory_xact_lock(hashtextextended('vendorpay.fraud_backfill', 0)) AS obtained

-- name: lacking
-- Of the next payments, recorded long enough ago that a score would have come, those of which no row tells, or one of
-- older content. A subquery for each looks into the index; as a join the planner would rather read the whole history.
WITH looked AS MATERIALIZED (
    SELECT p.payment_id, p.content_version,
           (SELECT h.content_version FROM fraud_history h WHERE h.payment_id = p.payment_id) AS kept_version
    FROM payments p
    WHERE p.payment_id > %(after)s AND p.created_at < %(before)s
    ORDER BY p.payment_id LIMIT %(limit)s)
SELECT (SELECT count(*) FROM looked) AS looked,
       (SELECT l.payment_id FROM looked l ORDER BY l.payment_id DESC LIMIT 1) AS last_id,
       ARRAY(SELECT l.payment_id FROM looked l
             WHERE coalesce(l.kept_version, 0) < l.content_version
             ORDER BY l.payment_id) AS payment_ids

-- name: held
-- Their rows are held until the commit: a payment that is rejected meanwhile would find no row to call dead, and one
-- that lives would be put there. Nobody is waited for; whoever wants to decide on one waits for some milliseconds.
SELECT @whole, @told FROM unnest((SELECT %(payment_ids)s::uuid[])) AS w (payment_id)
JOIN payments p ON p.payment_id = w.payment_id
@event_of
ORDER BY p.payment_id
FOR SHARE OF p SKIP LOCKED

-- name: about
-- How many payments there are, as the planner believes: exact enough for a progress line.
SELECT greatest(c.reltuples, 0)::bigint AS payments FROM pg_class c WHERE c.oid = 'payments'::regclass
