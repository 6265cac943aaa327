-- Payments as the contract shows them. `@name` stands for a fragment of this file.

-- name: state
p.payment_id, p.org_id, p.incident_id, p.vendor_id, p.reference, p.payer_type, p.payer_id, p.amount_cents, p.currency,
p.status, p.version, p.content_version, p.digest, p.required_approvals, p.approvals_valid, p.open_holds, p.fraud_gate,
p.payee_account_version, p.audit_seq, p.audit_head, p.event_seq, p.fraud_score::float8 AS fraud_score, p.fraud_status,
p.fraud_reasons::text AS fraud_reasons, p.fraud_case_id, p.approval_rule::text AS approval_rule, p.escalate_at,
p.escalated_at, p.payee_changed_by,
p.approved_by, p.approved_at, p.edited_by, p.stripe_payment_intent_id, p.stripe_transfer_id, p.processed_at, p.completed_at,
p.failed_reason, p.failed_code, p.metadata::text AS metadata, p.created_by, p.created_at, p.updated_at

-- name: lines
(SELECT json_agg(json_build_object(
            'lineItemId', l.line_item_id, 'lineNo', l.line_no, 'description', l.description, 'quantity', l.quantity,
            'unitPriceCents', l.unit_price_cents, 'totalCents', l.total_cents) ORDER BY l.line_no)::text
 FROM payment_line_items l WHERE l.payment_id = p.payment_id AND l.content_version = p.content_version)

-- name: approvals
-- Not looked for where the row says that there is none, as in a page of what waits.
CASE WHEN p.approvals_valid > 0 THEN
    (SELECT json_agg(json_build_object(
                'approverId', a.approver_id, 'role', a.approver_role, 'onBehalfOf', a.on_behalf_of,
                'notes', audit_text(a.org_id, a.payment_id, a.audit_seq), 'at', a.approved_at)
                ORDER BY a.audit_seq)::text
     FROM approvals a
     WHERE a.payment_id = p.payment_id AND a.content_version = p.content_version AND a.voided_at IS NULL) END

-- name: holds
-- The open ones. The reason is the beginning of their entry's words, "" once these are erased.
CASE WHEN p.open_holds > 0 THEN
    (SELECT json_agg(json_build_object(
                'kind', h.kind,
                'reason', coalesce(left(audit_text(h.org_id, h.payment_id, h.audit_seq), h.reason_characters), ''),
                'by', h.placed_by, 'at', h.placed_at) ORDER BY h.audit_seq)::text
     FROM holds h
     WHERE h.payment_id = p.payment_id AND h.released_at IS NULL) END

-- name: fraud_case
-- The open one.
CASE WHEN p.fraud_case_id IS NOT NULL THEN
    (SELECT @case_json::text FROM fraud_cases k WHERE k.case_id = p.fraud_case_id) END

-- name: case_json
json_build_object(
    'caseId', k.case_id, 'paymentId', k.payment_id, 'status', k.status, 'cause', k.cause,
    'contentVersion', k.content_version, 'openedAt', k.opened_at, 'auditSeq', k.audit_seq, 'assignee', k.assignee,
    'assignedAt', k.assigned_at, 'decidedBy', k.decided_by, 'decidedAt', k.decided_at, 'reasonCode', k.reason_code,
    'vendorBlocked', k.vendor_blocked, 'decisionAuditSeq', k.decision_audit_seq)

-- name: whole
@state, @lines AS lines, @approvals AS approvals, @holds AS holds

-- name: told
-- What the event that led to it told, beside @event_of: the fraud side asks for it.
e.driver_id AS told_driver_id, e.photos_key AS told_photos_key

-- name: event_of
LEFT JOIN LATERAL (
    SELECT i.driver_id, i.photos_key FROM inbox i
    WHERE i.org_id = p.org_id AND i.payment_id = p.payment_id AND (i.driver_id IS NOT NULL OR i.photos_key IS NOT NULL)
    LIMIT 1) e ON true

-- name: job
-- What a payment is for: never changed, so it may be read before anything is locked.
SELECT p.incident_id, p.vendor_id FROM payments p
WHERE p.org_id = %(org_id)s AND p.payment_id = %(payment_id)s
  AND (%(scope_vendor_id)s::uuid IS NULL OR p.vendor_id = %(scope_vendor_id)s)
  AND (%(scope_payer_id)s::uuid IS NULL OR p.payer_id = %(scope_payer_id)s)

-- name: by_ids
-- Each payment that its scope holds; `n` counts the questions from 1. The SELECT around the first list hides its length
-- from the planner: seeing how few it asks for, it would make a plan for each time, which takes longer than to ask.
SELECT w.n, @whole
FROM unnest((SELECT %(org_ids)s::text[]), %(payment_ids)s::uuid[], %(scope_vendor_ids)s::uuid[],
            %(scope_payer_ids)s::uuid[])
     WITH ORDINALITY AS w (org_id, payment_id, vendor_id, payer_id, n)
JOIN payments p ON p.org_id = w.org_id AND p.payment_id = w.payment_id
WHERE (w.vendor_id IS NULL OR p.vendor_id = w.vendor_id) AND (w.payer_id IS NULL OR p.payer_id = w.payer_id)

-- name: newest_for_incident
-- The newest live payment of an incident, else the newest.
SELECT @whole FROM payments p
WHERE p.org_id = %(org_id)s AND p.incident_id = %(incident_id)s
  AND (%(scope_vendor_id)s::uuid IS NULL OR p.vendor_id = %(scope_vendor_id)s)
  AND (%(scope_payer_id)s::uuid IS NULL OR p.payer_id = %(scope_payer_id)s)
ORDER BY p.status IN ('rejected', 'cancelled', 'reversed'), p.payment_id DESC
LIMIT 1

-- name: pending
-- Oldest first; written as the partial index idx_payments_pending is, so that the planner can use it.
SELECT @whole FROM payments p
WHERE p.org_id = %(org_id)s AND p.status = 'pending_approval' AND p.payer_type = 'back_office'
  AND p.payment_id > %(after)s
  AND (%(scope_vendor_id)s::uuid IS NULL OR p.vendor_id = %(scope_vendor_id)s)
  AND (%(scope_payer_id)s::uuid IS NULL OR p.payer_id = %(scope_payer_id)s)
ORDER BY p.payment_id
LIMIT %(limit)s OFFSET %(offset)s

-- name: queue
-- The same part of all payments, each with the facts that its rules need, to be judged one by one.
SELECT @whole, @fraud_case AS fraud_case FROM payments p
WHERE p.org_id = %(org_id)s AND p.status = 'pending_approval' AND p.payer_type = 'back_office'
  AND p.payment_id > %(after)s
ORDER BY p.payment_id
LIMIT %(limit)s

-- name: page
-- Newest first; `@conditions` are those of `conditions` that the caller asked for.
SELECT @whole FROM payments p
WHERE p.org_id = %(org_id)s AND p.payment_id < %(before)s @conditions
ORDER BY p.payment_id DESC
LIMIT %(limit)s

-- name: condition_scope_vendor_id
AND p.vendor_id = %(scope_vendor_id)s

-- name: condition_scope_payer_id
AND p.payer_id = %(scope_payer_id)s

-- name: condition_incident_id
AND p.incident_id = %(incident_id)s

-- name: condition_vendor_id
AND p.vendor_id = %(vendor_id)s

-- name: condition_status
AND p.status = %(status)s

-- name: condition_payer_type
AND p.payer_type = %(payer_type)s

-- name: condition_reference
AND p.reference = %(reference)s AND (p.reference <> '' OR %(reference)s = '')

-- name: condition_created_from
-- The id carries the same moment, and it has the index. No id is older than 1970.
AND p.created_at >= %(created_from)s AND p.payment_id >= uuid7_floor(greatest(%(created_from)s, timestamptz 'epoch'))

-- name: condition_created_to
AND p.created_at < %(created_to)s AND p.payment_id < uuid7_floor(%(created_to)s + interval '1 millisecond')

-- name: condition_min_amount_cents
AND p.amount_cents >= %(min_amount_cents)s

-- name: condition_max_amount_cents
AND p.amount_cents <= %(max_amount_cents)s
