-- Fills a database with payments that are numbered %(first)s to %(last)s, in the state they would be in by now, with
-- their whole record, as `create` and `approve` of statements.sql leave it. Triggers are off meanwhile
-- (session_replication_role = replica): the tests show that what is written here passes `audit verify`.

-- name: payments
-- Every `pending_every`th payment waits; the others were approved an hour after they came. A payment's id follows from
-- its number, so that whoever asks for it needs no list of ids.
WITH numbered AS MATERIALIZED (
    SELECT n, n %% %(pending_every)s <> 0 AS approved, to_timestamp((%(from_ms)s + n * %(step_ms)s) / 1000.0) AS at,
           (lpad(to_hex(%(from_ms)s + n * %(step_ms)s), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid AS payment_id,
           gen_random_uuid() AS incident_id,
           ('00000000-0000-4000-8000-' || lpad(to_hex(n * 7919 %% %(vendors)s), 12, '0'))::uuid AS vendor_id
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
),
dated AS MATERIALIZED (
    SELECT n.*, n.at + interval '1 hour' AS approved_at,
           to_char(n.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at_text,
           to_char((n.at + interval '1 hour') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS approved_text,
           uuidv7() AS log_1, uuidv7() AS log_2, uuidv7() AS event_1, uuidv7() AS event_2,
           gen_random_uuid()::text AS key,
           encode(sha256(convert_to(
               '["' || n.incident_id || '","' || n.vendor_id || '","back_office",null,28500,"USD",0,'
               || '[["Towing - Base Service",1,25000],["Mileage Charge",14,250]]]', 'UTF8')), 'hex') AS digest
    FROM numbered n
),
created AS MATERIALIZED (
    SELECT c.*, sha256(decode(repeat('00', 32), 'hex') || c.canonical_1) AS hash_1
    FROM (SELECT d.*, convert_to(
                     '{"action":"payment_created","actorId":"' || %(creator)s::text
                     || '","actorType":"user","contentDigest":"' || d.digest || '","logId":"' || d.log_1
                     || '","newStatus":"pending_approval","notesDigest":null,"orgId":"' || %(org_id)s::text
                     || '","paymentId":"' || d.payment_id || '","previousStatus":null,"reasonCode":null,"seq":1,'
                     || '"subjectId":"' || d.payment_id || '","subjectType":"payment","timestamp":"' || d.at_text
                     || '"}', 'UTF8') AS canonical_1
          FROM dated d OFFSET 0) c
),
record AS MATERIALIZED (
    SELECT a.*, CASE WHEN a.approved THEN sha256(a.hash_1 || a.canonical_2) END AS hash_2
    FROM (SELECT c.*, CASE WHEN c.approved THEN convert_to(
                     '{"action":"payment_approved","actorId":"' || %(approver)s::text
                     || '","actorType":"user","contentDigest":"' || c.digest || '","logId":"' || c.log_2
                     || '","newStatus":"approved","notesDigest":null,"orgId":"' || %(org_id)s::text || '","paymentId":"'
                     || c.payment_id || '","previousStatus":"pending_approval","reasonCode":null,"seq":2,"subjectId":"'
                     || c.payment_id || '","subjectType":"payment","timestamp":"' || c.approved_text || '"}', 'UTF8')
                 END AS canonical_2
          FROM created c OFFSET 0) a
),
payments AS (
    INSERT INTO payments (
        payment_id, org_id, incident_id, vendor_id, reference, payer_type, amount_cents, currency, status, version,
        content_version, digest, line_count, required_approvals, approvals_valid, audit_seq, audit_head, event_seq,
        approved_by, approved_at, metadata, created_by, created_at, updated_at)
    SELECT payment_id, %(org_id)s, incident_id, vendor_id, '', 'back_office', 28500, 'USD',
           CASE WHEN approved THEN 'approved' ELSE 'pending_approval' END, CASE WHEN approved THEN 2 ELSE 1 END,
           1, digest, 2, 1, CASE WHEN approved THEN 1 ELSE 0 END, CASE WHEN approved THEN 2 ELSE 1 END,
           coalesce(hash_2, hash_1), CASE WHEN approved THEN 2 ELSE 1 END,
           CASE WHEN approved THEN %(approver)s END, CASE WHEN approved THEN approved_at END,
           '{"duration":45,"serviceType":"towing"}', %(creator)s, at, CASE WHEN approved THEN approved_at ELSE at END
    FROM record
),
lines AS (
    INSERT INTO payment_line_items (
        line_item_id, org_id, payment_id, content_version, line_no, description, quantity, unit_price_cents)
    SELECT uuidv7(), %(org_id)s, r.payment_id, 1, l.line_no, l.description, l.quantity, l.unit_price_cents
    FROM record r, (VALUES (1, 'Towing - Base Service', 1, 25000), (2, 'Mileage Charge', 14, 250))
                   AS l (line_no, description, quantity, unit_price_cents)
),
@with_record
SELECT

-- name: with_record
-- The rest of what is kept of a payment; without it lists and pages are the same, and five million come in sooner.
approvals AS (
    INSERT INTO approvals (
        approval_id, org_id, payment_id, created_by, approver_id, approver_role, content_version, digest, audit_seq,
        approved_at)
    SELECT uuidv7(), %(org_id)s, payment_id, %(creator)s, %(approver)s, 'dispatcher', 1, digest, 2, approved_at
    FROM record WHERE approved
),
audit AS (
    INSERT INTO payment_audit_log (
        log_id, org_id, subject_type, subject_id, payment_id, seq, action, actor_id, actor_type, previous_status,
        new_status, content_digest, "timestamp", canonical, prev_hash, hash)
    SELECT log_1, %(org_id)s, 'payment', payment_id, payment_id, 1, 'payment_created', %(creator)s, 'user', NULL,
           'pending_approval', digest, at, canonical_1, decode(repeat('00', 32), 'hex'), hash_1
    FROM record
    UNION ALL
    SELECT log_2, %(org_id)s, 'payment', payment_id, payment_id, 2, 'payment_approved', %(approver)s, 'user',
           'pending_approval', 'approved', digest, approved_at, canonical_2, hash_1, hash_2
    FROM record WHERE approved
),
events AS (
    INSERT INTO outbox (org_id, aggregate_type, aggregate_id, sequence, event_id, event_type, detail, occurred_at)
    SELECT %(org_id)s, 'payment', payment_id, 1, event_1, 'PaymentCreated',
           ('{"eventId":"' || event_1 || '","sequence":1,"occurredAt":"' || at_text || '","version":"1","paymentId":"'
            || payment_id || '","incidentId":"' || incident_id || '","vendorId":"' || vendor_id
            || '","amountCents":28500,"currency":"USD","status":"pending_approval","payerType":"back_office",'
            || '"payerId":null,"reference":"","createdBy":"' || %(creator)s::text || '","createdAt":"' || at_text
            || '"}')::json, at
    FROM record
    UNION ALL
    SELECT %(org_id)s, 'payment', payment_id, 2, event_2, 'PaymentApproved',
           ('{"eventId":"' || event_2 || '","sequence":2,"occurredAt":"' || approved_text
            || '","version":"1","paymentId":"' || payment_id || '","incidentId":"' || incident_id || '","vendorId":"'
            || vendor_id || '","amountCents":28500,"currency":"USD","status":"approved","approvedBy":"'
            || %(approver)s::text || '","approvedAt":"' || approved_text || '"}')::json, approved_at
    FROM record WHERE approved
),
commands AS (
    -- Answers are kept for 30 days: of what is older there are none any more. Nobody asks for these: only their
    -- length is that of an answer.
    INSERT INTO commands (
        command_id, org_id, operation, caller, idempotency_key, fingerprint, payment_id, answer, created_at)
    SELECT uuidv7(), %(org_id)s, 'create_payment', %(creator)s, key, sha256(convert_to(key, 'UTF8')), payment_id,
           convert_to(repeat('x', 1200), 'UTF8'), at
    FROM record WHERE at > now() - interval '30 days'
),
history AS (
    -- What new payments are held against when they are scored: as many services, prices, people and vendors as life has,
    -- where the payments themselves are all alike. A tenth of the rows are of one vendor, which has more than any window.
    INSERT INTO fraud_history (
        payment_id, org_id, content_version, vendor_id, incident_id, occurred_at, currency, amount_cents, service_type,
        base_cents, mileage_cents, duration_min, photo_count, created_by, driver_id, lines_key, extras, notes_key,
        live)
    SELECT payment_id, %(org_id)s, 1,
           CASE WHEN n %% 10 = 0 THEN '00000000-0000-4000-8000-000000000000' ELSE vendor_id END, incident_id, at, 'USD',
           base + mileage, (ARRAY['towing', 'jump start', 'tire change', 'lockout', 'fuel', 'winch'])[1 + n %% 6], base,
           mileage, 20 + (base + n) %% 90, n %% 5, 'dispatcher-' || n * 31 %% 50, 'driver-' || n * 37 %% 2000,
           n * 2654435761, CASE WHEN n %% 4 = 0 THEN ARRAY['storage'] ELSE ARRAY[]::text[] END,
           CASE WHEN n %% 3 = 0 THEN n * 40503 END, n %% 50 <> 7
    FROM (SELECT r.*, (5000 * exp(mod(n * 7877, 1009) / 400.0))::bigint AS base,
                 250 * mod(n * 104729, 41) AS mileage
          FROM record r) p
)

-- name: number_stream
SELECT outcome FROM number_stream(%(stream)s, 100000, '')
