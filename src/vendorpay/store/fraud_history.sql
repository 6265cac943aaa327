-- The history that a payment is held against: its rows, and the windows on them (vendorpay.domain.fraud.windows, whose
-- limits stand here again). Everything asked about one batch of payments comes by one statement.

-- name: to_score
-- Payments with the gate that says whether they wait for a score; each stands at its number `n`.
SELECT w.n, @whole FROM unnest((SELECT %(org_ids)s::text[]), %(payment_ids)s::uuid[])
    WITH ORDINALITY AS w (org_id, payment_id, n)
JOIN payments p ON p.org_id = w.org_id AND p.payment_id = w.payment_id

-- name: neighbours
-- Payments of the same vendor or incident, recorded before, that nobody has scored yet: their rows must be there when
-- the later ones are scored, in whatever order the events come. The newest few of each; older ones were scored long ago.
SELECT @whole FROM (
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

-- name: keep
-- In the order of the ids, so that two scorers with the same payments cannot wait for each other.
INSERT INTO fraud_history (
    payment_id, org_id, content_version, vendor_id, incident_id, occurred_at, currency, amount_cents, service_type,
    base_cents, mileage_cents, duration_min, photo_count, created_by, driver_id, lines_key, extras, notes_key,
    photos_key, live)
SELECT r.payment_id, r.org_id, r.content_version, r.vendor_id, r.incident_id, r.occurred_at, r.currency, r.amount_cents,
       r.service_type, r.base_cents, r.mileage_cents, r.duration_min, r.photo_count, r.created_by, r.driver_id,
       r.lines_key, ARRAY(SELECT json_array_elements_text(r.extras)), r.notes_key, r.photos_key, r.live
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
    lines_key = excluded.lines_key, extras = excluded.extras, notes_key = excluded.notes_key, live = excluded.live
WHERE fraud_history.org_id = excluded.org_id AND fraud_history.content_version <= excluded.content_version

-- name: row
-- As domain.fraud.rows.FraudRow; an unknown service type is NULL there.
h.payment_id, h.vendor_id, h.incident_id, h.occurred_at, h.currency, h.amount_cents,
nullif(h.service_type, '') AS service_type, h.base_cents, h.mileage_cents, h.duration_min, h.photo_count, h.created_by,
h.driver_id, h.lines_key, h.extras, h.notes_key, h.photos_key, h.live

-- name: known
-- Recorded before the payment in question.
h.org_id = w.org_id AND h.payment_id < w.payment_id

-- name: newest
ORDER BY h.occurred_at DESC, h.payment_id DESC

-- name: company
json_build_array(count(*), count(*) FILTER (WHERE c.vendor_id = w.vendor_id), count(DISTINCT c.vendor_id))

-- name: windows
-- A row for each payment, in its place `n`. JSON, for it is read into the domain's types as it comes.
SELECT w.n, v.vendor_rows, f.vendor_first_at, d.vendor_steps, i.incident_rows, s.measures, o.org_first_at,
       g.org_vendor_counts, g.org_oldest_at, c.creator, r.driver
FROM unnest((SELECT %(org_ids)s::text[]), %(payment_ids)s::uuid[], %(vendor_ids)s::uuid[], %(incident_ids)s::uuid[],
            %(times)s::timestamptz[], %(currencies)s::text[], %(service_types)s::text[], %(creators)s::text[],
            %(drivers)s::text[])
     WITH ORDINALITY AS w (org_id, payment_id, vendor_id, incident_id, at, currency, service_type, creator, driver, n)
CROSS JOIN LATERAL (
    SELECT json_agg(to_json(x))::text AS vendor_rows FROM (
        SELECT @row FROM fraud_history h
        WHERE @known AND h.vendor_id = w.vendor_id AND h.occurred_at < w.at + interval '14 days'
        @newest LIMIT 200) x) v
CROSS JOIN LATERAL (
    SELECT min(x.occurred_at) AS vendor_first_at FROM (
        SELECT h.occurred_at FROM fraud_history h WHERE @known AND h.vendor_id = w.vendor_id
        ORDER BY h.occurred_at, h.payment_id LIMIT 1) x) f
CROSS JOIN LATERAL (
    SELECT json_object_agg(y.step, y.rows)::text AS vendor_steps FROM (
        SELECT floor(extract(epoch FROM w.at - x.occurred_at) / 86400)::int AS step, count(*) AS rows FROM (
            -- How far back is asked outside: with both ends the planner would rather walk through everybody's time.
            SELECT h.occurred_at FROM fraud_history h
            WHERE @known AND h.vendor_id = w.vendor_id AND h.occurred_at <= w.at
            @newest LIMIT 2000) x
        WHERE x.occurred_at > w.at - interval '672 hours'
        GROUP BY step) y) d
CROSS JOIN LATERAL (
    SELECT json_agg(to_json(x))::text AS incident_rows FROM (
        SELECT @row FROM fraud_history h WHERE @known AND h.incident_id = w.incident_id @newest LIMIT 20) x) i
CROSS JOIN LATERAL (
    SELECT CASE WHEN count(*) > 0 THEN json_build_array(
               array_agg(x.amount_cents), array_agg(x.base_cents), array_agg(x.mileage_cents),
               array_agg(x.duration_min), array_agg(x.photo_count),
               array_agg(floor(extract(epoch FROM x.occurred_at) / 3600)::bigint %% 24))::text END AS measures FROM (
        SELECT h.amount_cents, h.base_cents, h.mileage_cents, h.duration_min, h.photo_count, h.occurred_at
        FROM fraud_history h
        WHERE @known AND h.service_type = w.service_type AND h.currency = w.currency AND h.occurred_at <= w.at
        @newest LIMIT 500) x) s
CROSS JOIN LATERAL (
    SELECT min(x.occurred_at) AS org_first_at FROM (
        SELECT h.occurred_at FROM fraud_history h WHERE @known ORDER BY h.occurred_at, h.payment_id LIMIT 1) x) o
CROSS JOIN LATERAL (
    SELECT json_agg(y.rows ORDER BY y.rows DESC) FILTER (WHERE y.vendor_id <> w.vendor_id)::text AS org_vendor_counts,
           min(y.oldest_at) AS org_oldest_at FROM (
        SELECT x.vendor_id, count(*) AS rows, min(x.occurred_at) AS oldest_at FROM (
            SELECT h.vendor_id, h.occurred_at FROM fraud_history h WHERE @known AND h.occurred_at <= w.at
            @newest LIMIT 500) x
        GROUP BY x.vendor_id) y) g
CROSS JOIN LATERAL (
    SELECT @company::text AS creator FROM (
        SELECT h.vendor_id FROM fraud_history h
        WHERE @known AND h.created_by = w.creator AND h.occurred_at <= w.at @newest LIMIT 200) c) c
CROSS JOIN LATERAL (
    SELECT @company::text AS driver FROM (
        SELECT h.vendor_id FROM fraud_history h
        WHERE @known AND h.driver_id = w.driver AND h.occurred_at <= w.at @newest LIMIT 200) c) r
ORDER BY w.n

-- name: said
-- What people said of each payment's vendor, and by which rule sets its organisation is judged: the live one, and the
-- one that is tried beside it.
SELECT w.n,
       (SELECT json_agg(json_build_object(
                   'listingId', l.listing_id, 'vendorId', l.vendor_id, 'kind', l.kind, 'signal', l.signal,
                   'reasonCode', l.reason_code, 'expiresAt', l.expires_at, 'listedBy', l.listed_by,
                   'listedAt', l.listed_at))::text
        FROM fraud_listings l
        WHERE l.org_id = w.org_id AND l.vendor_id = w.vendor_id AND l.ended_at IS NULL) AS listings,
       @used_live AS live, @used_shadow AS shadow
FROM unnest((SELECT %(org_ids)s::text[]), %(vendor_ids)s::uuid[]) WITH ORDINALITY AS w (org_id, vendor_id, n)
ORDER BY w.n

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
