-- What pgbench sends, and what fills the database. `%(name)s` is a variable of pgbench or a parameter of psycopg.
--
-- `create` and `approve` write what the service writes for one request (store/writes.sql), row for row, in one
-- statement: no faster way to have this in this schema with one transaction for each request is known. Texts are put
-- together by || and once, in MATERIALIZED parts, so that little is computed beside the writing.
--
-- What is read is written down once, in store/payments.sql: statements.py takes `@whole` and the queue from there.

-- name: create
WITH record AS MATERIALIZED (
    SELECT c.*, sha256(decode(repeat('00', 32), 'hex') || c.canonical) AS hash
    FROM (SELECT d.*, convert_to(
                     '{"action":"payment_created","actorId":"' || d.creator || '","actorType":"user","contentDigest":"'
                     || d.digest || '","logId":"' || d.log_id || '","newStatus":"pending_approval","notesDigest":null'
                     || ',"orgId":"' || d.org_id || '","paymentId":"' || d.payment_id || '","previousStatus":null'
                     || ',"reasonCode":null,"seq":1,"subjectId":"' || d.payment_id
                     || '","subjectType":"payment","timestamp":"' || d.at_text || '"}', 'UTF8') AS canonical
          FROM (SELECT i.*, uuid_extract_timestamp(i.payment_id) AS at,
                       to_char(uuid_extract_timestamp(i.payment_id) AT TIME ZONE 'UTC',
                               'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at_text,
                       encode(sha256(convert_to(
                           '["' || i.incident_id || '","' || i.vendor_id || '","back_office",null,28500,"USD",0,'
                           || '[["Towing - Base Service",1,25000],["Mileage Charge",14,250]]]', 'UTF8')), 'hex') AS digest
                FROM (SELECT uuidv7() AS payment_id, uuidv7() AS log_id, uuidv7() AS event_id, uuidv7() AS command_id,
                             uuidv7() AS line_1, uuidv7() AS line_2, gen_random_uuid() AS incident_id,
                             gen_random_uuid()::text AS key,
                             ('00000000-0000-4000-8000-' || lpad(to_hex(%(vendor)s::bigint), 12, '0'))::uuid AS vendor_id,
                             'bench' AS org_id, '10000000-0000-4000-8000-000000000001' AS creator OFFSET 0) i
                OFFSET 0) d
          OFFSET 0) c
),
payments AS (
    INSERT INTO payments (
        payment_id, org_id, incident_id, vendor_id, reference, payer_type, payer_id, amount_cents, currency, status,
        version, content_version, digest, line_count, required_approvals, open_holds, fraud_gate,
        payee_account_version, audit_seq, audit_head, event_seq, metadata, created_by, created_at, updated_at)
    SELECT payment_id, org_id, incident_id, vendor_id, '', 'back_office', NULL, 28500, 'USD', 'pending_approval',
           1, 1, digest, 2, 1, 0, 'clear',
           0, 1, hash, 1, ('{"duration":45,"serviceType":"towing"}')::jsonb, creator, at, at
    FROM record
),
lines AS (
    INSERT INTO payment_line_items (
        line_item_id, org_id, payment_id, content_version, line_no, description, quantity, unit_price_cents)
    SELECT line_1, org_id, payment_id, 1, 1, 'Towing - Base Service', 1, 25000 FROM record
    UNION ALL
    SELECT line_2, org_id, payment_id, 1, 2, 'Mileage Charge', 14, 250 FROM record
),
audit AS (
    INSERT INTO payment_audit_log (
        log_id, org_id, subject_type, subject_id, payment_id, seq, action, actor_id, actor_type, previous_status,
        new_status, reason_code, content_digest, notes_digest, "timestamp", canonical, prev_hash, hash)
    SELECT log_id, org_id, 'payment', payment_id, payment_id, 1, 'payment_created', creator, 'user', NULL,
           'pending_approval', NULL, digest, NULL, at, canonical, decode(repeat('00', 32), 'hex'), hash
    FROM record
),
events AS (
    INSERT INTO outbox (org_id, aggregate_type, aggregate_id, sequence, event_id, event_type, detail, occurred_at)
    SELECT org_id, 'payment', payment_id, 1, event_id, 'PaymentCreated',
           ('{"eventId":"' || event_id || '","sequence":1,"occurredAt":"' || at_text || '","version":"1","paymentId":"'
            || payment_id || '","incidentId":"' || incident_id || '","vendorId":"' || vendor_id
            || '","amountCents":28500,"currency":"USD","status":"pending_approval","payerType":"back_office",'
            || '"payerId":null,"reference":"","createdBy":"' || creator || '","createdAt":"' || at_text
            || '"}')::json, at
    FROM record
),
commands AS (
    INSERT INTO commands (
        command_id, org_id, operation, caller, idempotency_key, fingerprint, payment_id, answer, created_at)
    SELECT command_id, org_id, 'create_payment', creator, key, sha256(convert_to(key, 'UTF8')), payment_id,
           convert_to(
               '{"paymentId":"' || payment_id || '","orgId":"' || org_id || '","incidentId":"' || incident_id
               || '","vendorId":"' || vendor_id || '","reference":"","payerType":"back_office","payerId":null,'
               || '"amountCents":28500,"currency":"USD","status":"pending_approval","version":1,"contentVersion":1,'
               || '"digest":"' || digest || '","lineItems":[{"lineItemId":"' || line_1 || '","lineNo":1,"description":'
               || '"Towing - Base Service","quantity":1,"unitPriceCents":25000,"totalCents":25000},{"lineItemId":"'
               || line_2 || '","lineNo":2,"description":"Mileage Charge","quantity":14,"unitPriceCents":250,'
               || '"totalCents":3500}],"requiredApprovals":1,"approvedAt":null,"payout":null,'
               || '"stripePaymentIntentId":null,"stripeTransferId":null,"processedAt":null,"completedAt":null,'
               || '"failedReason":null,"failedCode":null,"createdBy":"' || creator || '","createdAt":"' || at_text
               || '","updatedAt":"' || at_text || '","approvals":[],"policy":null,"approvedBy":null,"editedBy":null,'
               || '"holds":[],'
               || '"fraudScore":null,"fraudStatus":null,"fraudReasons":[],"metadata":{"duration":45,"serviceType":'
               || '"towing"}}', 'UTF8'), at
    FROM record
)
SELECT payment_id FROM record

-- name: approve
-- The row is locked and checked; where it is not there, or is refused, the last line divides by zero: pgbench fails.
WITH record AS MATERIALIZED (
    SELECT c.*, sha256(c.prev_hash || c.canonical) AS hash
    FROM (SELECT d.*, convert_to(
                     '{"action":"payment_approved","actorId":"' || d.approver || '","actorType":"user","contentDigest":"'
                     || d.digest || '","logId":"' || d.log_id || '","newStatus":"approved","notesDigest":null,"orgId":"'
                     || d.org_id || '","paymentId":"' || d.payment_id || '","previousStatus":"pending_approval"'
                     || ',"reasonCode":null,"seq":' || d.seq || ',"subjectId":"' || d.payment_id
                     || '","subjectType":"payment","timestamp":"' || d.at_text || '"}', 'UTF8') AS canonical
          FROM (SELECT t.*, to_char(t.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at_text,
                       to_char(t.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS created_text
                FROM (SELECT p.payment_id, p.org_id, p.incident_id, p.vendor_id, p.amount_cents, p.digest, p.created_by,
                             p.created_at, p.content_version, p.audit_head AS prev_hash, p.audit_seq + 1 AS seq,
                             p.event_seq + 1 AS sequence, p.version + 1 AS version, p.metadata::text AS metadata,
                             clock_timestamp() AS at, uuidv7() AS log_id, uuidv7() AS event_id, uuidv7() AS command_id,
                             uuidv7() AS approval_id, gen_random_uuid()::text AS key,
                             '20000000-0000-4000-8000-000000000002' AS approver,
                             (SELECT json_agg(json_build_object(
                                         'lineItemId', l.line_item_id, 'lineNo', l.line_no, 'description',
                                         l.description, 'quantity', l.quantity, 'unitPriceCents', l.unit_price_cents,
                                         'totalCents', l.total_cents) ORDER BY l.line_no)::text
                              FROM payment_line_items l
                              WHERE l.payment_id = p.payment_id AND l.content_version = p.content_version) AS lines
                      FROM payments p
                      WHERE p.org_id = 'bench'
                        AND p.payment_id = (%(prefix)s::text || lpad(to_hex(%(i)s::bigint), 12, '0'))::uuid
                        AND p.status = 'pending_approval' AND p.payer_type = 'back_office' AND p.open_holds = 0
                        AND p.fraud_gate = 'clear' AND p.approvals_valid + 1 = p.required_approvals
                        AND p.created_by <> '20000000-0000-4000-8000-000000000002'
                        AND p.edited_by IS DISTINCT FROM '20000000-0000-4000-8000-000000000002'
                      FOR NO KEY UPDATE OF p) t
                OFFSET 0) d
          OFFSET 0) c
),
changes AS (
    UPDATE payments p SET
        status = 'approved', version = r.version, approvals_valid = p.approvals_valid + 1, approved_by = r.approver,
        approved_at = r.at, audit_seq = r.seq, audit_head = r.hash, event_seq = r.sequence, updated_at = r.at
    FROM record r WHERE p.payment_id = r.payment_id AND p.org_id = r.org_id
),
approvals AS (
    INSERT INTO approvals (
        approval_id, org_id, payment_id, created_by, approver_id, approver_role, content_version, digest, audit_seq,
        approved_at)
    SELECT approval_id, org_id, payment_id, created_by, approver, 'dispatcher', content_version, digest, seq, at
    FROM record
),
audit AS (
    INSERT INTO payment_audit_log (
        log_id, org_id, subject_type, subject_id, payment_id, seq, action, actor_id, actor_type, previous_status,
        new_status, reason_code, content_digest, notes_digest, "timestamp", canonical, prev_hash, hash)
    SELECT log_id, org_id, 'payment', payment_id, payment_id, seq, 'payment_approved', approver, 'user',
           'pending_approval', 'approved', NULL, digest, NULL, at, canonical, prev_hash, hash
    FROM record
),
events AS (
    INSERT INTO outbox (org_id, aggregate_type, aggregate_id, sequence, event_id, event_type, detail, occurred_at)
    SELECT org_id, 'payment', payment_id, sequence, event_id, 'PaymentApproved',
           ('{"eventId":"' || event_id || '","sequence":' || sequence || ',"occurredAt":"' || at_text
            || '","version":"1","paymentId":"' || payment_id || '","incidentId":"' || incident_id || '","vendorId":"'
            || vendor_id || '","amountCents":' || amount_cents || ',"currency":"USD","status":"approved","approvedBy":"'
            || approver || '","approvedAt":"' || at_text || '"}')::json, at
    FROM record
),
commands AS (
    INSERT INTO commands (
        command_id, org_id, operation, caller, idempotency_key, fingerprint, payment_id, answer, created_at)
    SELECT command_id, org_id, 'approve_payment', approver, key, sha256(convert_to(key, 'UTF8')), payment_id,
           convert_to(
               '{"paymentId":"' || payment_id || '","orgId":"' || org_id || '","incidentId":"' || incident_id
               || '","vendorId":"' || vendor_id || '","reference":"","payerType":"back_office","payerId":null,'
               || '"amountCents":' || amount_cents || ',"currency":"USD","status":"approved","version":' || version
               || ',"contentVersion":' || content_version || ',"digest":"' || digest || '","lineItems":' || lines
               || ',"requiredApprovals":1,"approvedAt":"' || at_text || '","payout":null,'
               || '"stripePaymentIntentId":null,"stripeTransferId":null,"processedAt":null,"completedAt":null,'
               || '"failedReason":null,"failedCode":null,"createdBy":"' || created_by || '","createdAt":"'
               || created_text || '","updatedAt":"' || at_text || '","approvals":[{"approverId":"' || approver
               || '","role":"dispatcher","notes":null,"onBehalfOf":null,"at":"' || at_text || '"}],"policy":null,'
               || '"approvedBy":"' || approver
               || '","editedBy":null,"holds":[],"fraudScore":null,"fraudStatus":null,"fraudReasons":[],"metadata":'
               || metadata || '}', 'UTF8'), at
    FROM record
)
SELECT 1 / count(*) FROM record

-- name: get
-- One payment with all that an answer shows of it: number %(n)s of those loaded.
SELECT @whole FROM payments p WHERE p.org_id = @org_id AND p.payment_id = @id

-- name: id
-- Of payment number %(n)s of those loaded.
(lpad(to_hex(%(from_ms)s::bigint + %(n)s::bigint * %(step_ms)s::bigint), 12, '0') || '70008000'
 || lpad(to_hex(%(n)s::bigint), 12, '0'))::uuid
