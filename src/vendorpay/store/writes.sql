-- What one batch writes, block by block; `batch_writer` joins the blocks that have rows into one WITH statement, so
-- that AFTER STATEMENT triggers and foreign keys see all of it at its end.

-- name: payments
INSERT INTO payments (
    payment_id, org_id, incident_id, vendor_id, reference, payer_type, payer_id, amount_cents, currency, status, version,
    content_version, digest, line_count, required_approvals, open_holds, fraud_gate, payee_account_version, audit_seq,
    audit_head, event_seq, metadata, created_by, created_at, updated_at, approval_rule, escalate_at)
SELECT * FROM unnest(
    %(payments.payment_id)s::uuid[], %(payments.org_id)s::text[], %(payments.incident_id)s::uuid[],
    %(payments.vendor_id)s::uuid[], %(payments.reference)s::text[], %(payments.payer_type)s::text[],
    %(payments.payer_id)s::uuid[], %(payments.amount_cents)s::bigint[], %(payments.currency)s::text[],
    %(payments.status)s::text[], %(payments.version)s::integer[], %(payments.content_version)s::integer[],
    %(payments.digest)s::text[], %(payments.line_count)s::integer[], %(payments.required_approvals)s::integer[],
    %(payments.open_holds)s::integer[], %(payments.fraud_gate)s::text[], %(payments.payee_account_version)s::integer[],
    %(payments.audit_seq)s::integer[], %(payments.audit_head)s::bytea[], %(payments.event_seq)s::integer[],
    %(payments.metadata)s::jsonb[], %(payments.created_by)s::text[], %(payments.created_at)s::timestamptz[],
    %(payments.updated_at)s::timestamptz[], %(payments.approval_rule)s::jsonb[],
    %(payments.escalate_at)s::timestamptz[])

-- name: changes
UPDATE payments p SET
    status = c.status, version = c.version, approvals_valid = c.approvals_valid, approved_by = c.approved_by,
    approved_at = c.approved_at, open_holds = c.open_holds, audit_seq = c.audit_seq, audit_head = c.audit_head,
    event_seq = c.event_seq, updated_at = c.updated_at, required_approvals = c.required_approvals,
    escalated_at = c.escalated_at
FROM unnest(
    %(changes.payment_id)s::uuid[], %(changes.org_id)s::text[], %(changes.status)s::text[],
    %(changes.version)s::integer[], %(changes.approvals_valid)s::integer[], %(changes.approved_by)s::text[],
    %(changes.approved_at)s::timestamptz[], %(changes.open_holds)s::integer[], %(changes.audit_seq)s::integer[],
    %(changes.audit_head)s::bytea[], %(changes.event_seq)s::integer[], %(changes.updated_at)s::timestamptz[],
    %(changes.required_approvals)s::integer[], %(changes.escalated_at)s::timestamptz[])
    AS c (payment_id, org_id, status, version, approvals_valid, approved_by, approved_at, open_holds, audit_seq,
          audit_head, event_seq, updated_at, required_approvals, escalated_at)
WHERE p.payment_id = c.payment_id AND p.org_id = c.org_id

-- name: edits
-- Apart from `changes`, so that decisions carry no content and no metadata; a payment is in one of the two.
UPDATE payments p SET
    amount_cents = e.amount_cents, content_version = e.content_version, digest = e.digest, line_count = e.line_count,
    reference = e.reference, metadata = e.metadata, status = e.status, version = e.version,
    approvals_valid = e.approvals_valid, approved_by = e.approved_by, approved_at = e.approved_at,
    edited_by = e.edited_by, fraud_gate = e.fraud_gate, fraud_score = e.fraud_score, fraud_status = e.fraud_status,
    fraud_reasons = e.fraud_reasons, audit_seq = e.audit_seq, audit_head = e.audit_head, event_seq = e.event_seq,
    updated_at = e.updated_at, required_approvals = e.required_approvals, approval_rule = e.approval_rule,
    escalate_at = e.escalate_at, escalated_at = e.escalated_at, open_holds = e.open_holds
FROM unnest(
    %(edits.payment_id)s::uuid[], %(edits.org_id)s::text[], %(edits.amount_cents)s::bigint[],
    %(edits.content_version)s::integer[], %(edits.digest)s::text[], %(edits.line_count)s::integer[],
    %(edits.reference)s::text[], %(edits.metadata)s::jsonb[], %(edits.status)s::text[], %(edits.version)s::integer[],
    %(edits.approvals_valid)s::integer[], %(edits.approved_by)s::text[], %(edits.approved_at)s::timestamptz[],
    %(edits.edited_by)s::text[], %(edits.fraud_gate)s::text[], %(edits.fraud_score)s::numeric[],
    %(edits.fraud_status)s::text[], %(edits.fraud_reasons)s::jsonb[], %(edits.audit_seq)s::integer[],
    %(edits.audit_head)s::bytea[], %(edits.event_seq)s::integer[], %(edits.updated_at)s::timestamptz[],
    %(edits.required_approvals)s::integer[], %(edits.approval_rule)s::jsonb[], %(edits.escalate_at)s::timestamptz[],
    %(edits.escalated_at)s::timestamptz[], %(edits.open_holds)s::integer[])
    AS e (payment_id, org_id, amount_cents, content_version, digest, line_count, reference, metadata, status, version,
          approvals_valid, approved_by, approved_at, edited_by, fraud_gate, fraud_score, fraud_status, fraud_reasons,
          audit_seq, audit_head, event_seq, updated_at, required_approvals, approval_rule, escalate_at, escalated_at,
          open_holds)
WHERE p.payment_id = e.payment_id AND p.org_id = e.org_id

-- name: judgements
-- What the fraud side says of a payment: its score, or what was decided about its case. No approval is touched by it.
UPDATE payments p SET
    status = j.status, version = j.version, fraud_gate = j.fraud_gate, fraud_score = j.fraud_score,
    fraud_status = j.fraud_status, fraud_reasons = j.fraud_reasons, fraud_case_id = j.fraud_case_id,
    audit_seq = j.audit_seq, audit_head = j.audit_head, event_seq = j.event_seq, updated_at = j.updated_at
FROM unnest(
    %(judgements.payment_id)s::uuid[], %(judgements.org_id)s::text[], %(judgements.status)s::text[],
    %(judgements.version)s::integer[], %(judgements.fraud_gate)s::text[], %(judgements.fraud_score)s::numeric[],
    %(judgements.fraud_status)s::text[], %(judgements.fraud_reasons)s::jsonb[], %(judgements.fraud_case_id)s::uuid[],
    %(judgements.audit_seq)s::integer[], %(judgements.audit_head)s::bytea[], %(judgements.event_seq)s::integer[],
    %(judgements.updated_at)s::timestamptz[])
    AS j (payment_id, org_id, status, version, fraud_gate, fraud_score, fraud_status, fraud_reasons, fraud_case_id,
          audit_seq, audit_head, event_seq, updated_at)
WHERE p.payment_id = j.payment_id AND p.org_id = j.org_id

-- name: fraud_scores
INSERT INTO fraud_scores (
    score_id, org_id, payment_id, content_version, shadow, provider, rule_set_version, score, status, error, findings,
    facts, duration_us, scored_at, audit_seq)
SELECT * FROM unnest(
    %(fraud_scores.score_id)s::uuid[], %(fraud_scores.org_id)s::text[], %(fraud_scores.payment_id)s::uuid[],
    %(fraud_scores.content_version)s::integer[], %(fraud_scores.shadow)s::boolean[], %(fraud_scores.provider)s::text[],
    %(fraud_scores.rule_set_version)s::text[], %(fraud_scores.score)s::numeric[], %(fraud_scores.status)s::text[],
    %(fraud_scores.error)s::text[], %(fraud_scores.findings)s::jsonb[], %(fraud_scores.facts)s::jsonb[],
    %(fraud_scores.duration_us)s::bigint[], %(fraud_scores.scored_at)s::timestamptz[],
    %(fraud_scores.audit_seq)s::integer[])

-- name: fraud_cases
INSERT INTO fraud_cases (case_id, org_id, payment_id, created_by, content_version, cause, opened_at, audit_seq)
SELECT * FROM unnest(
    %(fraud_cases.case_id)s::uuid[], %(fraud_cases.org_id)s::text[], %(fraud_cases.payment_id)s::uuid[],
    %(fraud_cases.created_by)s::text[], %(fraud_cases.content_version)s::integer[], %(fraud_cases.cause)s::text[],
    %(fraud_cases.opened_at)s::timestamptz[], %(fraud_cases.audit_seq)s::integer[])

-- name: fraud_case_changes
UPDATE fraud_cases k SET
    cause = c.cause, status = c.status, assignee = c.assignee, assigned_at = c.assigned_at, decided_by = c.decided_by,
    decided_at = c.decided_at, reason_code = c.reason_code, vendor_blocked = c.vendor_blocked,
    decision_audit_seq = c.decision_audit_seq
FROM unnest(
    %(fraud_case_changes.case_id)s::uuid[], %(fraud_case_changes.org_id)s::text[],
    %(fraud_case_changes.cause)s::text[], %(fraud_case_changes.status)s::text[],
    %(fraud_case_changes.assignee)s::text[], %(fraud_case_changes.assigned_at)s::timestamptz[],
    %(fraud_case_changes.decided_by)s::text[], %(fraud_case_changes.decided_at)s::timestamptz[],
    %(fraud_case_changes.reason_code)s::text[], %(fraud_case_changes.vendor_blocked)s::boolean[],
    %(fraud_case_changes.decision_audit_seq)s::integer[])
    AS c (case_id, org_id, cause, status, assignee, assigned_at, decided_by, decided_at, reason_code, vendor_blocked,
          decision_audit_seq)
WHERE k.case_id = c.case_id AND k.org_id = c.org_id

-- name: fraud_listings
INSERT INTO fraud_listings (
    listing_id, org_id, vendor_id, kind, signal, reason_code, case_id, listed_by, listed_at, expires_at, digest,
    audit_seq, audit_head, event_seq)
SELECT * FROM unnest(
    %(fraud_listings.listing_id)s::uuid[], %(fraud_listings.org_id)s::text[], %(fraud_listings.vendor_id)s::uuid[],
    %(fraud_listings.kind)s::text[], %(fraud_listings.signal)s::text[], %(fraud_listings.reason_code)s::text[],
    %(fraud_listings.case_id)s::uuid[], %(fraud_listings.listed_by)s::text[],
    %(fraud_listings.listed_at)s::timestamptz[], %(fraud_listings.expires_at)s::timestamptz[],
    %(fraud_listings.digest)s::text[], %(fraud_listings.audit_seq)s::integer[],
    %(fraud_listings.audit_head)s::bytea[], %(fraud_listings.event_seq)s::integer[])

-- name: fraud_listing_changes
UPDATE fraud_listings l SET
    confirmed_by = c.confirmed_by, confirmed_at = c.confirmed_at, ended_by = c.ended_by, ended_at = c.ended_at,
    digest = c.digest, audit_seq = c.audit_seq, audit_head = c.audit_head, event_seq = c.event_seq
FROM unnest(
    %(fraud_listing_changes.listing_id)s::uuid[], %(fraud_listing_changes.org_id)s::text[],
    %(fraud_listing_changes.confirmed_by)s::text[], %(fraud_listing_changes.confirmed_at)s::timestamptz[],
    %(fraud_listing_changes.ended_by)s::text[], %(fraud_listing_changes.ended_at)s::timestamptz[],
    %(fraud_listing_changes.digest)s::text[], %(fraud_listing_changes.audit_seq)s::integer[],
    %(fraud_listing_changes.audit_head)s::bytea[], %(fraud_listing_changes.event_seq)s::integer[])
    AS c (listing_id, org_id, confirmed_by, confirmed_at, ended_by, ended_at, digest, audit_seq, audit_head, event_seq)
WHERE l.listing_id = c.listing_id AND l.org_id = c.org_id

-- name: fraud_rule_sets
INSERT INTO fraud_rule_sets (
    rule_set_id, org_id, version, document, proposed_by, proposed_at, digest, audit_seq, audit_head, event_seq)
SELECT * FROM unnest(
    %(fraud_rule_sets.rule_set_id)s::uuid[], %(fraud_rule_sets.org_id)s::text[], %(fraud_rule_sets.version)s::text[],
    %(fraud_rule_sets.document)s::jsonb[], %(fraud_rule_sets.proposed_by)s::text[],
    %(fraud_rule_sets.proposed_at)s::timestamptz[], %(fraud_rule_sets.digest)s::text[],
    %(fraud_rule_sets.audit_seq)s::integer[], %(fraud_rule_sets.audit_head)s::bytea[],
    %(fraud_rule_sets.event_seq)s::integer[])

-- name: fraud_rule_set_changes
UPDATE fraud_rule_sets r SET
    stage = c.stage, digest = c.digest, audit_seq = c.audit_seq, audit_head = c.audit_head, event_seq = c.event_seq
FROM unnest(
    %(fraud_rule_set_changes.rule_set_id)s::uuid[], %(fraud_rule_set_changes.org_id)s::text[],
    %(fraud_rule_set_changes.stage)s::text[], %(fraud_rule_set_changes.digest)s::text[],
    %(fraud_rule_set_changes.audit_seq)s::integer[], %(fraud_rule_set_changes.audit_head)s::bytea[],
    %(fraud_rule_set_changes.event_seq)s::integer[])
    AS c (rule_set_id, org_id, stage, digest, audit_seq, audit_head, event_seq)
WHERE r.rule_set_id = c.rule_set_id AND r.org_id = c.org_id

-- name: fraud_rule_set_uses
INSERT INTO fraud_rule_set_uses (use_id, org_id, mode, rule_set_id, proposed_by, set_by, set_at)
SELECT * FROM unnest(
    %(fraud_rule_set_uses.use_id)s::uuid[], %(fraud_rule_set_uses.org_id)s::text[],
    %(fraud_rule_set_uses.mode)s::text[], %(fraud_rule_set_uses.rule_set_id)s::uuid[],
    %(fraud_rule_set_uses.proposed_by)s::text[], %(fraud_rule_set_uses.set_by)s::text[],
    %(fraud_rule_set_uses.set_at)s::timestamptz[])

-- name: lines
INSERT INTO payment_line_items (
    line_item_id, org_id, payment_id, content_version, line_no, description, quantity, unit_price_cents)
SELECT * FROM unnest(
    %(lines.line_item_id)s::uuid[], %(lines.org_id)s::text[], %(lines.payment_id)s::uuid[],
    %(lines.content_version)s::integer[], %(lines.line_no)s::integer[], %(lines.description)s::text[],
    %(lines.quantity)s::bigint[], %(lines.unit_price_cents)s::bigint[])

-- name: approvals
INSERT INTO approvals (
    approval_id, org_id, payment_id, created_by, approver_id, approver_role, content_version, digest, audit_seq,
    approved_at, on_behalf_of)
SELECT * FROM unnest(
    %(approvals.approval_id)s::uuid[], %(approvals.org_id)s::text[], %(approvals.payment_id)s::uuid[],
    %(approvals.created_by)s::text[], %(approvals.approver_id)s::text[], %(approvals.approver_role)s::text[],
    %(approvals.content_version)s::integer[], %(approvals.digest)s::text[], %(approvals.audit_seq)s::integer[],
    %(approvals.approved_at)s::timestamptz[], %(approvals.on_behalf_of)s::text[])

-- name: voids
UPDATE approvals a SET voided_at = v.voided_at
FROM unnest(
    %(voids.org_id)s::text[], %(voids.payment_id)s::uuid[], %(voids.approver_id)s::text[],
    %(voids.voided_at)s::timestamptz[])
    AS v (org_id, payment_id, approver_id, voided_at)
WHERE a.org_id = v.org_id AND a.payment_id = v.payment_id AND a.approver_id = v.approver_id AND a.voided_at IS NULL

-- name: holds
INSERT INTO holds (hold_id, org_id, payment_id, kind, placed_by, placed_at, audit_seq, reason_characters)
SELECT * FROM unnest(
    %(holds.hold_id)s::uuid[], %(holds.org_id)s::text[], %(holds.payment_id)s::uuid[], %(holds.kind)s::text[],
    %(holds.placed_by)s::text[], %(holds.placed_at)s::timestamptz[], %(holds.audit_seq)s::integer[],
    %(holds.reason_characters)s::integer[])

-- name: releases
UPDATE holds h SET released_at = r.released_at, released_by = r.released_by, release_audit_seq = r.audit_seq
FROM unnest(
    %(releases.org_id)s::text[], %(releases.payment_id)s::uuid[], %(releases.kind)s::text[],
    %(releases.released_at)s::timestamptz[], %(releases.released_by)s::text[], %(releases.audit_seq)s::integer[])
    AS r (org_id, payment_id, kind, released_at, released_by, audit_seq)
WHERE h.org_id = r.org_id AND h.payment_id = r.payment_id AND h.kind = r.kind AND h.released_at IS NULL

-- name: subscriptions
INSERT INTO subscriptions (
    subscription_id, kind, name, org_id, event_types, shards, replay_after, replay_until, replay_again, created_at)
SELECT s.subscription_id, 'webhook', s.name, s.org_id, ARRAY(SELECT json_array_elements_text(s.event_types)), 1,
       s.replay_after, s.replay_until, s.replay_again, s.created_at
FROM unnest(
    %(subscriptions.subscription_id)s::uuid[], %(subscriptions.name)s::text[], %(subscriptions.org_id)s::text[],
    %(subscriptions.event_types)s::json[], %(subscriptions.replay_after)s::bigint[],
    %(subscriptions.replay_until)s::bigint[], %(subscriptions.replay_again)s::boolean[],
    %(subscriptions.created_at)s::timestamptz[])
    AS s (subscription_id, name, org_id, event_types, replay_after, replay_until, replay_again, created_at)

-- name: subscription_changes
UPDATE subscriptions s SET
    active = c.active, event_types = ARRAY(SELECT json_array_elements_text(c.event_types)),
    replay_after = c.replay_after, replay_until = c.replay_until, replay_again = c.replay_again
FROM unnest(
    %(subscription_changes.subscription_id)s::uuid[], %(subscription_changes.org_id)s::text[],
    %(subscription_changes.active)s::boolean[], %(subscription_changes.event_types)s::json[],
    %(subscription_changes.replay_after)s::bigint[], %(subscription_changes.replay_until)s::bigint[],
    %(subscription_changes.replay_again)s::boolean[])
    AS c (subscription_id, org_id, active, event_types, replay_after, replay_until, replay_again)
WHERE s.subscription_id = c.subscription_id AND s.org_id = c.org_id

-- name: endpoints
INSERT INTO webhook_endpoints (
    endpoint_id, org_id, url, description, max_in_flight, digest, audit_seq, audit_head, event_seq, created_by,
    created_at, updated_at)
SELECT * FROM unnest(
    %(endpoints.endpoint_id)s::uuid[], %(endpoints.org_id)s::text[], %(endpoints.url)s::text[],
    %(endpoints.description)s::text[], %(endpoints.max_in_flight)s::integer[], %(endpoints.digest)s::text[],
    %(endpoints.audit_seq)s::integer[], %(endpoints.audit_head)s::bytea[], %(endpoints.event_seq)s::integer[],
    %(endpoints.created_by)s::text[], %(endpoints.created_at)s::timestamptz[],
    %(endpoints.updated_at)s::timestamptz[])

-- name: endpoint_changes
UPDATE webhook_endpoints e SET
    url = c.url, description = c.description, max_in_flight = c.max_in_flight, status = c.status,
    disabled_reason = c.disabled_reason, disabled_at = c.disabled_at, disabled_position = c.disabled_position,
    deleted_at = c.deleted_at, digest = c.digest, version = c.version, audit_seq = c.audit_seq,
    audit_head = c.audit_head, event_seq = c.event_seq, updated_at = c.updated_at
FROM unnest(
    %(endpoint_changes.endpoint_id)s::uuid[], %(endpoint_changes.org_id)s::text[], %(endpoint_changes.url)s::text[],
    %(endpoint_changes.description)s::text[], %(endpoint_changes.max_in_flight)s::integer[],
    %(endpoint_changes.status)s::text[], %(endpoint_changes.disabled_reason)s::text[],
    %(endpoint_changes.disabled_at)s::timestamptz[], %(endpoint_changes.disabled_position)s::bigint[],
    %(endpoint_changes.deleted_at)s::timestamptz[], %(endpoint_changes.digest)s::text[],
    %(endpoint_changes.version)s::integer[], %(endpoint_changes.audit_seq)s::integer[],
    %(endpoint_changes.audit_head)s::bytea[], %(endpoint_changes.event_seq)s::integer[],
    %(endpoint_changes.updated_at)s::timestamptz[])
    AS c (endpoint_id, org_id, url, description, max_in_flight, status, disabled_reason, disabled_at,
          disabled_position, deleted_at, digest, version, audit_seq, audit_head, event_seq, updated_at)
WHERE e.endpoint_id = c.endpoint_id AND e.org_id = c.org_id

-- name: secret_ends
UPDATE webhook_secrets k SET expires_at = c.expires_at
FROM unnest(
    %(secret_ends.secret_id)s::uuid[], %(secret_ends.org_id)s::text[], %(secret_ends.expires_at)s::timestamptz[])
    AS c (secret_id, org_id, expires_at)
WHERE k.secret_id = c.secret_id AND k.org_id = c.org_id

-- name: secrets
INSERT INTO webhook_secrets (secret_id, org_id, endpoint_id, secret, created_at)
SELECT * FROM unnest(
    %(secrets.secret_id)s::uuid[], %(secrets.org_id)s::text[], %(secrets.endpoint_id)s::uuid[],
    %(secrets.secret)s::bytea[], %(secrets.created_at)s::timestamptz[])

-- name: recoveries
DELETE FROM webhook_failures f
USING unnest(%(recoveries.endpoint_id)s::uuid[], %(recoveries.org_id)s::text[]) AS r (endpoint_id, org_id)
WHERE f.endpoint_id = r.endpoint_id AND f.org_id = r.org_id

-- name: redeliveries
-- From the first try on; due by the clock of the database, as everything of the relay is.
UPDATE deliveries d SET state = 'pending', attempts = 0, due_at = now(), settled_at = NULL
FROM unnest(%(redeliveries.org_id)s::text[], %(redeliveries.delivery_id)s::uuid[]) AS r (org_id, delivery_id)
WHERE d.org_id = r.org_id AND d.delivery_id = r.delivery_id AND d.state <> 'pending'

-- name: delegations
INSERT INTO delegations (
    delegation_id, org_id, delegator_id, delegator_role, delegate_id, starts_at, ends_at, created_at, digest, audit_seq,
    audit_head, event_seq)
SELECT * FROM unnest(
    %(delegations.delegation_id)s::uuid[], %(delegations.org_id)s::text[], %(delegations.delegator_id)s::text[],
    %(delegations.delegator_role)s::text[], %(delegations.delegate_id)s::text[],
    %(delegations.starts_at)s::timestamptz[], %(delegations.ends_at)s::timestamptz[],
    %(delegations.created_at)s::timestamptz[], %(delegations.digest)s::text[], %(delegations.audit_seq)s::integer[],
    %(delegations.audit_head)s::bytea[], %(delegations.event_seq)s::integer[])

-- name: delegation_ends
UPDATE delegations d SET
    ended_at = e.ended_at, ended_by = e.ended_by, audit_seq = e.audit_seq, audit_head = e.audit_head,
    event_seq = e.event_seq
FROM unnest(
    %(delegation_ends.delegation_id)s::uuid[], %(delegation_ends.org_id)s::text[],
    %(delegation_ends.ended_at)s::timestamptz[], %(delegation_ends.ended_by)s::text[],
    %(delegation_ends.audit_seq)s::integer[], %(delegation_ends.audit_head)s::bytea[],
    %(delegation_ends.event_seq)s::integer[])
    AS e (delegation_id, org_id, ended_at, ended_by, audit_seq, audit_head, event_seq)
WHERE d.delegation_id = e.delegation_id AND d.org_id = e.org_id

-- name: policies
INSERT INTO policies (
    policy_id, org_id, version, document, digest, proposed_by, proposed_at, audit_seq, audit_head, event_seq)
SELECT * FROM unnest(
    %(policies.policy_id)s::uuid[], %(policies.org_id)s::text[], %(policies.version)s::integer[],
    %(policies.document)s::jsonb[], %(policies.digest)s::text[], %(policies.proposed_by)s::text[],
    %(policies.proposed_at)s::timestamptz[], %(policies.audit_seq)s::integer[], %(policies.audit_head)s::bytea[],
    %(policies.event_seq)s::integer[])

-- name: policy_activations
UPDATE policies p SET
    activated_by = a.activated_by, activated_at = a.activated_at, audit_seq = a.audit_seq, audit_head = a.audit_head,
    event_seq = a.event_seq
FROM unnest(
    %(policy_activations.policy_id)s::uuid[], %(policy_activations.org_id)s::text[],
    %(policy_activations.activated_by)s::text[], %(policy_activations.activated_at)s::timestamptz[],
    %(policy_activations.audit_seq)s::integer[], %(policy_activations.audit_head)s::bytea[],
    %(policy_activations.event_seq)s::integer[])
    AS a (policy_id, org_id, activated_by, activated_at, audit_seq, audit_head, event_seq)
WHERE p.policy_id = a.policy_id AND p.org_id = a.org_id

-- name: active_policies
INSERT INTO active_policies (org_id, version)
SELECT * FROM unnest(%(active_policies.org_id)s::text[], %(active_policies.version)s::integer[])
ON CONFLICT (org_id) DO UPDATE SET version = excluded.version

-- name: audit
-- What is UTF-8 comes as text, which is shorter on its way than the hexadecimal digits of bytes.
INSERT INTO payment_audit_log (
    log_id, org_id, subject_type, subject_id, payment_id, seq, action, actor_id, actor_type, previous_status, new_status,
    reason_code, content_digest, notes_digest, "timestamp", canonical, prev_hash, hash)
SELECT a.log_id, a.org_id, a.subject_type, a.subject_id, a.payment_id, a.seq, a.action, a.actor_id, a.actor_type,
       a.previous_status, a.new_status, a.reason_code, a.content_digest, a.notes_digest, a."timestamp",
       convert_to(a.canonical, 'UTF8'), a.prev_hash, a.hash
FROM unnest(
    %(audit.log_id)s::uuid[], %(audit.org_id)s::text[], %(audit.subject_type)s::text[], %(audit.subject_id)s::uuid[],
    %(audit.payment_id)s::uuid[], %(audit.seq)s::integer[], %(audit.action)s::text[], %(audit.actor_id)s::text[],
    %(audit.actor_type)s::text[], %(audit.previous_status)s::text[], %(audit.new_status)s::text[],
    %(audit.reason_code)s::text[], %(audit.content_digest)s::text[], %(audit.notes_digest)s::bytea[],
    %(audit.timestamp)s::timestamptz[], %(audit.canonical)s::text[], %(audit.prev_hash)s::bytea[],
    %(audit.hash)s::bytea[])
    AS a (log_id, org_id, subject_type, subject_id, payment_id, seq, action, actor_id, actor_type, previous_status,
          new_status, reason_code, content_digest, notes_digest, "timestamp", canonical, prev_hash, hash)

-- name: texts
INSERT INTO audit_texts (org_id, subject_id, seq, salt, text)
SELECT * FROM unnest(
    %(texts.org_id)s::text[], %(texts.subject_id)s::uuid[], %(texts.seq)s::integer[], %(texts.salt)s::bytea[],
    %(texts.text)s::text[])

-- name: events
INSERT INTO outbox (org_id, aggregate_type, aggregate_id, sequence, event_id, event_type, detail, occurred_at)
SELECT * FROM unnest(
    %(events.org_id)s::text[], %(events.aggregate_type)s::text[], %(events.aggregate_id)s::uuid[],
    %(events.sequence)s::integer[], %(events.event_id)s::uuid[], %(events.event_type)s::text[],
    %(events.detail)s::json[], %(events.occurred_at)s::timestamptz[])

-- name: inbox
INSERT INTO inbox (org_id, source, event_id, event_type, payment_id, received_at, driver_id, photos_key)
SELECT * FROM unnest(
    %(inbox.org_id)s::text[], %(inbox.source)s::text[], %(inbox.event_id)s::text[], %(inbox.event_type)s::text[],
    %(inbox.payment_id)s::uuid[], %(inbox.received_at)s::timestamptz[], %(inbox.driver_id)s::text[],
    %(inbox.photos_key)s::bigint[])

-- name: quarantine
-- In the order of their hashes, so that two batches with the same events cannot wait for each other.
INSERT INTO quarantine (
    quarantine_id, org_id, raw_sha256, raw, reason, errors, publisher, times_seen, first_seen_at, last_seen_at)
SELECT q.quarantine_id, q.org_id, sha256(q.raw), q.raw, q.reason, q.errors, q.publisher, q.times, q.seen_at, q.seen_at
FROM unnest(
    %(quarantine.quarantine_id)s::uuid[], %(quarantine.org_id)s::text[], %(quarantine.raw)s::bytea[],
    %(quarantine.reason)s::text[], %(quarantine.errors)s::jsonb[], %(quarantine.publisher)s::text[],
    %(quarantine.times)s::integer[], %(quarantine.seen_at)s::timestamptz[])
    AS q (quarantine_id, org_id, raw, reason, errors, publisher, times, seen_at)
ORDER BY q.org_id, sha256(q.raw)
ON CONFLICT (org_id, raw_sha256) DO UPDATE SET
    times_seen = quarantine.times_seen + excluded.times_seen, last_seen_at = excluded.last_seen_at,
    reason = excluded.reason, errors = excluded.errors

-- name: resolutions
UPDATE quarantine q SET resolved_at = r.resolved_at, resolved_by = r.resolved_by, payment_id = r.payment_id
FROM unnest(
    %(resolutions.quarantine_id)s::uuid[], %(resolutions.org_id)s::text[], %(resolutions.resolved_at)s::timestamptz[],
    %(resolutions.resolved_by)s::text[], %(resolutions.payment_id)s::uuid[])
    AS r (quarantine_id, org_id, resolved_at, resolved_by, payment_id)
WHERE q.quarantine_id = r.quarantine_id AND q.org_id = r.org_id AND q.resolved_at IS NULL

-- name: redrives
-- Due by the clock of the database, as everything of the relay is.
UPDATE deliveries d SET state = 'pending', attempts = 0, due_at = now(), settled_at = NULL
FROM unnest(%(redrives.org_id)s::text[], %(redrives.delivery_id)s::uuid[]) AS r (org_id, delivery_id)
WHERE d.org_id = r.org_id AND d.delivery_id = r.delivery_id AND d.state = 'dead'

-- name: commands
INSERT INTO commands (
    command_id, org_id, operation, caller, idempotency_key, fingerprint, payment_id, answer, created_at)
SELECT c.command_id, c.org_id, c.operation, c.caller, c.idempotency_key, c.fingerprint, c.payment_id,
       convert_to(c.answer, 'UTF8'), c.created_at
FROM unnest(
    %(commands.command_id)s::uuid[], %(commands.org_id)s::text[], %(commands.operation)s::text[],
    %(commands.caller)s::text[], %(commands.idempotency_key)s::text[], %(commands.fingerprint)s::bytea[],
    %(commands.payment_id)s::uuid[], %(commands.answer)s::text[], %(commands.created_at)s::timestamptz[])
    AS c (command_id, org_id, operation, caller, idempotency_key, fingerprint, payment_id, answer, created_at)

-- name: claims
-- Before one command that is written on the guess that nothing is in its way (at_once): its locks, never waited for, and
-- whether its key and its job are free, and its rule is of the policy that applies. What is taken after this statement's snapshot, a unique key refuses.
-- (One value each, no arrays: from their lengths the planner would find a plan of its own for every execution.)
SELECT (SELECT bool_and(pg_try_advisory_xact_lock(k.hash)) FROM unnest(%(claims.hashes)s::bigint[]) AS k (hash))
       AND NOT EXISTS (
           SELECT FROM commands c
           WHERE c.org_id = %(claims.org_id)s::text AND c.operation = %(claims.operation)s::text
                 AND c.caller = %(claims.caller)s::text AND c.idempotency_key = %(claims.key)s::text)
       AND NOT EXISTS (
           SELECT FROM payments p
           WHERE p.org_id = %(claims.job_org_id)s::text AND p.incident_id = %(claims.job_incident_id)s::uuid
                 AND p.vendor_id = %(claims.job_vendor_id)s::uuid AND p.reference = %(claims.job_reference)s::text)
       AND (%(claims.policy_version)s::integer IS NULL
            OR %(claims.policy_version)s::integer = coalesce(
                (SELECT a.version FROM active_policies a WHERE a.org_id = %(claims.job_org_id)s::text), 0))
       AS unclaimed

-- name: claims_of_many
-- The same before many. (LIMIT keeps each look-up one of an index, whatever the planner knows of a young table.)
SELECT (SELECT bool_and(pg_try_advisory_xact_lock(k.hash)) FROM unnest(%(claims.hashes)s::bigint[]) AS k (hash))
       AND NOT EXISTS (
           SELECT FROM unnest(%(claims.org_ids)s::text[], %(claims.operations)s::text[], %(claims.callers)s::text[],
                              %(claims.keys)s::text[]) AS k (org_id, operation, caller, idempotency_key),
                LATERAL (SELECT FROM commands c
                         WHERE c.org_id = k.org_id AND c.operation = k.operation AND c.caller = k.caller
                               AND c.idempotency_key = k.idempotency_key LIMIT 1) AS taken)
       AND NOT EXISTS (
           SELECT FROM unnest(%(claims.job_org_ids)s::text[], %(claims.job_incident_ids)s::uuid[],
                              %(claims.job_vendor_ids)s::uuid[], %(claims.job_references)s::text[])
                       AS j (org_id, incident_id, vendor_id, reference),
                LATERAL (SELECT FROM payments p
                         WHERE p.org_id = j.org_id AND p.incident_id = j.incident_id AND p.vendor_id = j.vendor_id
                               AND p.reference = j.reference LIMIT 1) AS taken)
       AND NOT EXISTS (
           SELECT FROM unnest(%(claims.policy_org_ids)s::text[], %(claims.policy_versions)s::integer[])
                       AS v (org_id, version)
           WHERE v.version <> coalesce((SELECT a.version FROM active_policies a WHERE a.org_id = v.org_id), 0))
       AS unclaimed

-- name: if_unclaimed
-- After each block of what is written on that guess.
WHERE (SELECT unclaimed FROM claims)
