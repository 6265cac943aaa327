-- The history that a payment is held against: its rows, and the windows on them (vendorpay.domain.fraud.windows, whose
-- limits stand here again). Everything asked about one batch of payments comes by one statement.

-- name: to_score
-- Payments with the gate that says whether they wait for a score; each stands at its number `n`.
SELECT w.n, @whole, @told FROM unnest((SELECT %(org_ids)s::text[]), %(payment_ids)s::uuid[])
    WITH ORDINALITY AS w (org_id, payment_id, n)
JOIN payments p ON p.org_id = w.org_id AND p.payment_id = w.payment_id
@event_of

-- name: neighbours
-- Payments of the same vendor or incident, recorded before, that nobody has scored yet: their rows must be there when
-- the later ones are scored, in whatever order the events come. The newest few of each; older ones were scored long ago.
SELECT @whole, @told FROM (
    SELECT DISTINCT c.payment_id
    FROM unnest((SELECT %(org_ids)s::text[]), %(payment_ids)s::uuid[]) AS w (org_id, payment_id)
    JOIN payments q ON q.org_id = w.org_id AND q.payment_id = w.payment_id
    CROSS JOIN LATERAL (
        (SELECT v.payment_id, v.fraud_gate FROM payments v
         WHERE v.org_id = q.org_id AND v.vendor_id = q.vendor_id AND v.payment_id < q.payment_id
         ORDER BY v.payment_id DESC LIMIT 20)
        UNION ALL
        (SELECT i.payment_id, i.fraud_gate FROM payments i
         WHERE i.org_id = q.org_id AND i.incident_id = q.incident_id AND i.payment_id < q.payment_id
         ORDER BY i.payment_id DESC LIMIT 20)) AS c
    WHERE c.fraud_gate <> 'clear' AND c.payment_id <> ALL (%(payment_ids)s::uuid[])
          AND NOT EXISTS (SELECT FROM fraud_history h WHERE h.org_id = q.org_id AND h.payment_id = c.payment_id)) n
JOIN payments p ON p.payment_id = n.payment_id
@event_of

-- name: keep
-- In the order of the ids, so that two scorers with the same payments cannot wait for each other. What was rejected,
-- cancelled or reversed since it was read is dead, and stays so. What its event told is known once it is known: a version
-- of the service that does not ask for it yet takes nothing away.
INSERT INTO fraud_history (
    payment_id, org_id, content_version, vendor_id, incident_id, occurred_at, currency, amount_cents, service_type,
    base_cents, mileage_cents, duration_min, photo_count, created_by, driver_id, lines_key, extras, notes_key,
    photos_key, live)
SELECT r.payment_id, r.org_id, r.content_version, r.vendor_id, r.incident_id, r.occurred_at, r.currency, r.amount_cents,
       r.service_type, r.base_cents, r.mileage_cents, r.duration_min, r.photo_count, r.created_by, r.driver_id,
       r.lines_key, ARRAY(SELECT json_array_elements_text(r.extras)), r.notes_key, r.photos_key,
       r.live AND (SELECT p.status FROM payments p WHERE p.payment_id = r.payment_id)
                  NOT IN ('rejected', 'cancelled', 'reversed')
FROM unnest(
    %(keep.payment_id)s::uuid[], %(keep.org_id)s::text[], %(keep.content_version)s::integer[],
    %(keep.vendor_id)s::uuid[], %(keep.incident_id)s::uuid[], %(keep.occurred_at)s::timestamptz[],
    %(keep.currency)s::text[], %(keep.amount_cents)s::bigint[], %(keep.service_type)s::text[],
    %(keep.base_cents)s::bigint[], %(keep.mileage_cents)s::bigint[], %(keep.duration_min)s::bigint[],
    %(keep.photo_count)s::bigint[], %(keep.created_by)s::text[], %(keep.driver_id)s::text[],
    %(keep.lines_key)s::bigint[], %(keep.extras)s::json[], %(keep.notes_key)s::bigint[], %(keep.photos_key)s::bigint[],
    %(keep.live)s::boolean[])
    AS r (payment_id, org_id, content_version, vendor_id, incident_id, occurred_at, currency, amount_cents,
          service_type, base_cents, mileage_cents, duration_min, photo_count, created_by, driver_id, lines_key, extras,
          notes_key, photos_key, live)
ORDER BY r.payment_id
ON CONFLICT (payment_id) DO UPDATE SET
    content_version = excluded.content_version, occurred_at = excluded.occurred_at,
    amount_cents = excluded.amount_cents, service_type = excluded.service_type, base_cents = excluded.base_cents,
    mileage_cents = excluded.mileage_cents, duration_min = excluded.duration_min, photo_count = excluded.photo_count,
    lines_key = excluded.lines_key, extras = excluded.extras, notes_key = excluded.notes_key,
    driver_id = coalesce(fraud_history.driver_id, excluded.driver_id),
    photos_key = coalesce(fraud_history.photos_key, excluded.photos_key),
    live = fraud_history.live AND excluded.live
WHERE fraud_history.org_id = excluded.org_id AND fraud_history.content_version <= excluded.content_version

-- name: row
-- As domain.fraud.rows.FraudRow; an unknown service type is NULL there.
h.payment_id, h.vendor_id, h.incident_id, h.occurred_at, h.currency, h.amount_cents,
nullif(h.service_type, '') AS service_type, h.base_cents, h.mileage_cents, h.duration_min, h.photo_count, h.created_by,
h.driver_id, h.lines_key, h.extras, h.notes_key, h.photos_key, h.live

-- name: row_columns
-- The same of many, column by column, after the vendors: JSON with names costs twice the time.
array_agg(x.payment_id), array_agg(x.incident_id), array_agg(x.occurred_at),
array_agg(x.currency), array_agg(x.amount_cents), array_agg(nullif(x.service_type, '')), array_agg(x.base_cents),
array_agg(x.mileage_cents), array_agg(x.duration_min), array_agg(x.photo_count), array_agg(x.created_by),
array_agg(x.driver_id), array_agg(x.lines_key), array_agg(array_to_json(x.extras)), array_agg(x.notes_key),
array_agg(x.photos_key), array_agg(x.live)

-- name: known
-- Recorded before the payment in question; of several, before the last of them.
h.org_id = w.org_id AND h.payment_id < w.last_id

-- name: newest
ORDER BY h.occurred_at DESC, h.payment_id DESC

-- name: late
-- Which rows not all of several payments know, or have behind them: the id of the one, the time of the other.
array_agg(CASE WHEN x.payment_id >= w.first_id THEN x.payment_id END),
array_agg(CASE WHEN x.occurred_at > w.since THEN x.occurred_at END)

-- name: windows
-- What is looked at, each part with the numbers of the questions it answers. Payments with the same vendor, service type,
-- organisation or person share a question: it is asked as the last of them and at the time of the latest, for `most`
-- rows, and each then leaves out what is not its own (store.fraud_questions). The limits that stand here are for the
-- planner, who cannot know `most`.
-- JSON, for it is read into the domain's types as it comes. Each array comes by a SELECT, which hides its length: a plan
-- for one payment would else be made anew for each, for it promises to be cheaper than the one kept for any number.
SELECT 'own' AS part, w.n, json_build_array(f.first_at, d.steps, i.rows, o.first_at)::text AS found
FROM unnest((SELECT %(own.org_id)s::text[]), (SELECT %(own.last_id)s::uuid[]), (SELECT %(own.vendor_id)s::uuid[]),
            (SELECT %(own.incident_id)s::uuid[]), (SELECT %(own.until)s::timestamptz[]))
     WITH ORDINALITY AS w (org_id, last_id, vendor_id, incident_id, at, n)
CROSS JOIN LATERAL (
    SELECT min(x.occurred_at) AS first_at FROM (
        SELECT h.occurred_at FROM fraud_history h WHERE @known AND h.vendor_id = w.vendor_id
        ORDER BY h.occurred_at, h.payment_id LIMIT 1) x) f
CROSS JOIN LATERAL (
    SELECT json_object_agg(y.step, y.rows) AS steps FROM (
        SELECT floor(extract(epoch FROM w.at - x.occurred_at) / 86400)::int AS step, count(*) AS rows FROM (
            -- How far back is asked outside: with both ends the planner would rather walk through everybody's time.
            SELECT h.occurred_at FROM fraud_history h
            WHERE @known AND h.vendor_id = w.vendor_id AND h.occurred_at <= w.at
            @newest LIMIT 2000) x
        WHERE x.occurred_at > w.at - interval '672 hours'
        GROUP BY step) y) d
CROSS JOIN LATERAL (
    SELECT CASE WHEN count(*) > 0 THEN json_build_array(array_agg(x.vendor_id), @row_columns) END AS rows FROM (
        SELECT h.* FROM fraud_history h WHERE @known AND h.incident_id = w.incident_id @newest LIMIT 20) x) i
CROSS JOIN LATERAL (
    SELECT min(x.occurred_at) AS first_at FROM (
        SELECT h.occurred_at FROM fraud_history h WHERE @known ORDER BY h.occurred_at, h.payment_id LIMIT 1) x) o
UNION ALL
SELECT 'vendor', w.n, json_build_array(v.rows, (
    SELECT json_agg(json_build_object(
               'listingId', l.listing_id, 'vendorId', l.vendor_id, 'kind', l.kind, 'signal', l.signal,
               'reasonCode', l.reason_code, 'expiresAt', l.expires_at, 'listedBy', l.listed_by,
               'listedAt', l.listed_at, 'confirmedBy', l.confirmed_by, 'confirmedAt', l.confirmed_at))
    FROM fraud_listings l
    WHERE l.org_id = w.org_id AND l.vendor_id = w.vendor_id AND l.ended_at IS NULL))::text
FROM unnest((SELECT %(vendor.org_id)s::text[]), (SELECT %(vendor.last_id)s::uuid[]),
            (SELECT %(vendor.vendor_id)s::uuid[]), (SELECT %(vendor.until)s::timestamptz[]),
            (SELECT %(vendor.most)s::integer[]))
     WITH ORDINALITY AS w (org_id, last_id, vendor_id, until, most, n)
CROSS JOIN LATERAL (
    SELECT CASE WHEN count(*) > 0 THEN json_build_array(ARRAY[w.vendor_id], @row_columns) END AS rows
    FROM (SELECT y.* FROM (
        SELECT h.* FROM fraud_history h
        WHERE @known AND h.vendor_id = w.vendor_id AND h.occurred_at <= w.until @newest LIMIT 600) y
        LIMIT w.most) x) v
UNION ALL
SELECT 'peers', w.n, s.found
FROM unnest((SELECT %(peers.org_id)s::text[]), (SELECT %(peers.first_id)s::uuid[]),
            (SELECT %(peers.last_id)s::uuid[]), (SELECT %(peers.since)s::timestamptz[]),
            (SELECT %(peers.until)s::timestamptz[]), (SELECT %(peers.service_type)s::text[]),
            (SELECT %(peers.currency)s::text[]), (SELECT %(peers.most)s::integer[]))
     WITH ORDINALITY AS w (org_id, first_id, last_id, since, until, service_type, currency, most, n)
CROSS JOIN LATERAL (
    SELECT CASE WHEN count(*) > 0 THEN json_build_array(
               @late, array_agg(x.amount_cents), array_agg(x.base_cents), array_agg(x.mileage_cents),
               array_agg(x.duration_min), array_agg(x.photo_count),
               array_agg(date_part('hour', x.occurred_at AT TIME ZONE 'UTC')))::text END AS found FROM (SELECT y.* FROM (
        SELECT h.amount_cents, h.base_cents, h.mileage_cents, h.duration_min, h.photo_count, h.occurred_at, h.payment_id
        FROM fraud_history h
        WHERE @known AND h.service_type = w.service_type AND h.currency = w.currency AND h.occurred_at <= w.until
        @newest LIMIT 900) y LIMIT w.most) x) s
UNION ALL
SELECT 'org', w.n, json_build_array(g.late_and_rows, @used_live, @used_shadow)::text
FROM unnest((SELECT %(org.org_id)s::text[]), (SELECT %(org.first_id)s::uuid[]), (SELECT %(org.last_id)s::uuid[]),
            (SELECT %(org.since)s::timestamptz[]), (SELECT %(org.until)s::timestamptz[]),
            (SELECT %(org.most)s::integer[]))
     WITH ORDINALITY AS w (org_id, first_id, last_id, since, until, most, n)
CROSS JOIN LATERAL (
    SELECT CASE WHEN count(*) > 0 THEN
               json_build_array(@late, array_agg(x.vendor_id), array_agg(x.occurred_at)) END AS late_and_rows FROM (SELECT y.* FROM (
        SELECT h.payment_id, h.vendor_id, h.occurred_at FROM fraud_history h WHERE @known AND h.occurred_at <= w.until
        @newest LIMIT 900) y LIMIT w.most) x) g
UNION ALL
SELECT 'creator', w.n, r.found
FROM unnest((SELECT %(creator.org_id)s::text[]), (SELECT %(creator.first_id)s::uuid[]),
            (SELECT %(creator.last_id)s::uuid[]), (SELECT %(creator.since)s::timestamptz[]),
            (SELECT %(creator.until)s::timestamptz[]), (SELECT %(creator.person)s::text[]),
            (SELECT %(creator.most)s::integer[]))
     WITH ORDINALITY AS w (org_id, first_id, last_id, since, until, person, most, n)
CROSS JOIN LATERAL (
    SELECT CASE WHEN count(*) > 0 THEN json_build_array(@late, array_agg(x.vendor_id))::text END AS found
    FROM (SELECT y.* FROM (
        SELECT h.payment_id, h.occurred_at, h.vendor_id FROM fraud_history h
        WHERE @known AND h.created_by = w.person AND h.occurred_at <= w.until @newest LIMIT 600) y
        LIMIT w.most) x) r
UNION ALL
SELECT 'driver', w.n, r.found
FROM unnest((SELECT %(driver.org_id)s::text[]), (SELECT %(driver.first_id)s::uuid[]),
            (SELECT %(driver.last_id)s::uuid[]), (SELECT %(driver.since)s::timestamptz[]),
            (SELECT %(driver.until)s::timestamptz[]), (SELECT %(driver.person)s::text[]),
            (SELECT %(driver.most)s::integer[]))
     WITH ORDINALITY AS w (org_id, first_id, last_id, since, until, person, most, n)
CROSS JOIN LATERAL (
    SELECT CASE WHEN count(*) > 0 THEN json_build_array(@late, array_agg(x.vendor_id))::text END AS found
    FROM (SELECT y.* FROM (
        SELECT h.payment_id, h.occurred_at, h.vendor_id FROM fraud_history h
        WHERE @known AND h.driver_id = w.person AND h.occurred_at <= w.until @newest LIMIT 600) y
        LIMIT w.most) x) r

-- name: used_live
(SELECT r.document::text FROM (
     SELECT u.rule_set_id FROM fraud_rule_set_uses u WHERE u.org_id = w.org_id AND u.mode = 'live'
     ORDER BY u.use_id DESC LIMIT 1) u
 JOIN fraud_rule_sets r ON r.org_id = w.org_id AND r.rule_set_id = u.rule_set_id)

-- name: used_shadow
(SELECT r.document::text FROM (
     SELECT u.rule_set_id FROM fraud_rule_set_uses u WHERE u.org_id = w.org_id AND u.mode = 'shadow'
     ORDER BY u.use_id DESC LIMIT 1) u
 JOIN fraud_rule_sets r ON r.org_id = w.org_id AND r.rule_set_id = u.rule_set_id)

-- name: history
-- An organisation's rows in the order in which they were recorded, with what was said of each: the newest live score, and
-- what people decided.
SELECT @row,
       (SELECT coalesce(s.status, 'flagged') FROM fraud_scores s
        WHERE s.org_id = h.org_id AND s.payment_id = h.payment_id AND NOT s.shadow
        ORDER BY s.audit_seq DESC LIMIT 1) AS status,
       (SELECT k.status FROM fraud_cases k
        WHERE k.org_id = h.org_id AND k.payment_id = h.payment_id AND k.status IN ('cleared', 'confirmed')
        ORDER BY k.audit_seq DESC LIMIT 1) AS decision
FROM fraud_history h
WHERE h.org_id = %(org_id)s AND h.payment_id > %(after)s
ORDER BY h.payment_id
LIMIT %(limit)s
