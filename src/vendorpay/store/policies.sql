-- Approval policies as they are read. What is locked stands in claims.sql, what is written in writes.sql.

-- name: policy
p.policy_id, p.org_id, p.version, p.document::text AS document, p.proposed_by, p.proposed_at, p.activated_by,
p.activated_at, p.audit_seq, p.audit_head, p.event_seq

-- name: newest
-- Newest first.
SELECT @policy, a.version AS active_version
FROM policies p LEFT JOIN active_policies a USING (org_id)
WHERE p.org_id = %(org_id)s AND p.policy_id < %(before)s
ORDER BY p.policy_id DESC LIMIT %(limit)s

-- name: one
SELECT @policy, a.version AS active_version
FROM policies p LEFT JOIN active_policies a USING (org_id)
WHERE p.org_id = %(org_id)s AND p.policy_id = %(policy_id)s

-- name: active
SELECT @policy, a.version AS active_version
FROM active_policies a JOIN policies p USING (org_id, version)
WHERE a.org_id = %(org_id)s

-- name: sources
-- How payments came, as their rules remember.
SELECT p.payment_id, p.approval_rule ->> 'source' AS source FROM payments p
WHERE p.org_id = %(org_id)s AND p.payment_id = ANY(%(payment_ids)s::uuid[]) AND p.approval_rule IS NOT NULL

-- name: approved_vendors
-- Vendors of whom a payment was approved before.
SELECT w.vendor_id FROM unnest(%(vendor_ids)s::uuid[]) AS w (vendor_id)
WHERE EXISTS (SELECT FROM payments p WHERE p.org_id = %(org_id)s AND p.vendor_id = w.vendor_id
              AND p.status IN ('approved', 'processing', 'completed', 'failed', 'reversed'))

-- name: automatic
-- What the service approves itself by now; as the partial index idx_payments_automatic is written.
SELECT p.org_id, p.payment_id FROM payments p
WHERE p.status = 'pending_approval' AND p.approval_rule ? 'automatic' AND p.payment_id > %(after)s
      AND p.fraud_gate = 'clear' AND p.open_holds = 0
      AND coalesce(p.approval_rule #> ARRAY['byFraudStatus', p.fraud_status], p.approval_rule) ->> 'effect'
          = 'auto_approve'
ORDER BY p.payment_id LIMIT %(limit)s

-- name: overdue
-- What has waited for longer than its rule allows; as the partial index idx_payments_escalate is written.
SELECT p.org_id, p.payment_id FROM payments p
WHERE p.escalate_at <= %(now)s AND p.escalate_at IS NOT NULL AND p.escalated_at IS NULL
      AND p.status = 'pending_approval'
      AND coalesce(p.approval_rule #> ARRAY['byFraudStatus', p.fraud_status], p.approval_rule) ? 'escalation'
ORDER BY p.escalate_at LIMIT %(limit)s
