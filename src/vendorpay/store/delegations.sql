-- Who approves in whose name, as it is read.

-- name: delegation
d.delegation_id, d.org_id, d.delegator_id, d.delegator_role, d.delegate_id, d.starts_at, d.ends_at, d.created_at,
d.ended_at, d.ended_by, d.audit_seq, d.audit_head, d.event_seq

-- name: newest_delegations
SELECT @delegation FROM delegations d
WHERE d.org_id = %(org_id)s AND d.delegation_id < %(before)s
ORDER BY d.delegation_id DESC LIMIT %(limit)s

-- name: to_person
-- Along idx_delegations_delegate.
SELECT @delegation FROM delegations d
WHERE d.org_id = %(org_id)s AND d.delegate_id = %(delegate_id)s AND d.ended_at IS NULL
