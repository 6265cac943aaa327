-- The audit log read by people, and by the verifier.

-- name: entries
SELECT a.log_id, a.subject_type, a.subject_id, a.payment_id, a.seq, a.action, a.actor_id, a.actor_type,
       a.previous_status, a.new_status, a.reason_code, t.text AS notes, a."timestamp", a.prev_hash, a.hash
FROM payment_audit_log a LEFT JOIN audit_texts t ON t.subject_id = a.subject_id AND t.seq = a.seq
WHERE a.org_id = %(org_id)s AND a.subject_id = %(payment_id)s
ORDER BY a.seq

-- name: links
-- In the order of the primary key: no sort, whatever the size.
SELECT a.log_id, a.org_id, a.subject_type, a.subject_id, a.payment_id, a.seq, a.action, a.actor_id, a.actor_type,
       a.previous_status, a.new_status, a.reason_code, a.content_digest, a.notes_digest, a."timestamp", a.canonical,
       a.prev_hash, a.hash, t.subject_id IS NOT NULL AS has_text, t.salt, t.text
FROM payment_audit_log a LEFT JOIN audit_texts t ON t.subject_id = a.subject_id AND t.seq = a.seq
WHERE %(payment_id)s::uuid IS NULL OR a.subject_id = %(payment_id)s
ORDER BY a.subject_id, a.seq

-- name: heads
SELECT p.payment_id, p.org_id, p.audit_seq, p.audit_head, p.status, p.digest, p.created_by, p.approved_by, p.edited_by,
       p.incident_id, p.vendor_id, p.payer_type, p.payer_id, p.amount_cents, p.currency, p.payee_account_version,
       p.open_holds, @lines AS lines, @valid_approvals AS approvals, @all_holds AS holds
FROM payments p
WHERE %(payment_id)s::uuid IS NULL OR p.payment_id = %(payment_id)s
ORDER BY p.payment_id

-- name: valid_approvals
-- Those that are not voided: they have an index by payment. Whether a delegation had been ended by then is not asked:
-- the two moments are by clocks of two processes, and only the trigger of approvals (0020) saw which came first.
(SELECT json_agg(json_build_object(
            'approver_id', a.approver_id, 'audit_seq', a.audit_seq, 'role', a.approver_role, 'at', a.approved_at,
            'delegated', CASE WHEN a.on_behalf_of IS NOT NULL THEN EXISTS (
                SELECT FROM delegations d
                WHERE d.org_id = a.org_id AND d.delegate_id = a.approver_id AND d.delegator_id = a.on_behalf_of
                      AND d.delegator_role = a.approver_role AND a.approved_at >= d.starts_at
                      AND a.approved_at < d.ends_at) END))::text
 FROM approvals a WHERE a.payment_id = p.payment_id AND a.voided_at IS NULL)

-- name: all_holds
(SELECT json_agg(json_build_object(
            'kind', h.kind, 'placed_by', h.placed_by, 'audit_seq', h.audit_seq, 'released_by', h.released_by,
            'release_audit_seq', h.release_audit_seq) ORDER BY h.audit_seq)::text
 FROM holds h WHERE h.payment_id = p.payment_id)

-- name: heads_count
SELECT count(*) AS heads FROM payments WHERE %(payment_id)s::uuid IS NULL OR payment_id = %(payment_id)s
