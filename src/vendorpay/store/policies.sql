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
-- What the service approves itself by now; as the partial index idx_payments_automatic is written. Where somebody undid
-- an approval of this content, people decide. What no limit has room for would be refused at every look.
SELECT p.org_id, p.payment_id, p.version FROM payments p
WHERE p.status = 'pending_approval' AND p.approval_rule ? 'automatic' AND p.payment_id > %(after)s
      AND p.fraud_gate = 'clear' AND p.open_holds = 0
      AND coalesce(p.approval_rule #> ARRAY['byFraudStatus', p.fraud_status], p.approval_rule) ->> 'effect'
          = 'auto_approve'
      AND NOT EXISTS (SELECT FROM payment_audit_log a WHERE a.subject_id = p.payment_id AND a.org_id = p.org_id
                      AND a.action = 'approval_undone' AND a.content_digest = p.digest)
      AND NOT EXISTS (
          SELECT FROM jsonb_to_recordset(p.approval_rule -> 'limits')
                      AS l (per text, period text, currency text, "maxAmountCents" bigint)
          LEFT JOIN limit_usage u ON u.org_id = p.org_id AND u.subject_type = l.per
              AND u.subject_id = CASE l.per WHEN 'vendor' THEN p.vendor_id::text ELSE %(approver)s END
              AND u.currency = l.currency AND u.period = l.period
              AND u.period_start = date_trunc(l.period, %(now)s::timestamptz AT TIME ZONE 'UTC')::date
          WHERE coalesce(u.used_cents, 0) + p.amount_cents > l."maxAmountCents")
ORDER BY p.payment_id LIMIT %(limit)s

-- name: overdue
-- What has waited for longer than its rule allows; as the partial index idx_payments_escalate is written. `escalate_at`
-- is as early as the rule escalates with any fraud score; with the one that the payment got it may be later. Where a
-- clock that was ahead has given an approval, not before that.
SELECT w.org_id, w.payment_id
FROM (SELECT p.org_id, p.payment_id, p.escalate_at,
             coalesce(p.approval_rule #> ARRAY['byFraudStatus', p.fraud_status], p.approval_rule)
                 #>> '{escalation,afterHours}' AS own,
             (SELECT min((d.demand #>> '{escalation,afterHours}')::integer)
              FROM (SELECT p.approval_rule UNION ALL
                    SELECT b.value FROM jsonb_each(p.approval_rule -> 'byFraudStatus') AS b) AS d (demand)) AS first
      FROM payments p
      WHERE p.escalate_at <= %(now)s AND p.escalate_at IS NOT NULL AND p.escalated_at IS NULL
            AND p.status = 'pending_approval') w
WHERE w.escalate_at + make_interval(hours => w.own::integer - w.first) <= %(now)s
      AND NOT EXISTS (SELECT FROM approvals a WHERE a.payment_id = w.payment_id AND a.voided_at IS NULL
                      AND a.approved_at >= %(now)s)
ORDER BY w.escalate_at LIMIT %(limit)s
