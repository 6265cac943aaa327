-- Fraud cases as those who decide them read them; what is written about them is in writes.sql.

-- name: without_score
-- Whose payment could not be scored, the oldest first.
SELECT c.org_id, c.payment_id FROM fraud_cases c
WHERE c.status = 'open' AND c.cause = 'error' ORDER BY c.case_id LIMIT %(limit)s

-- name: never_asked
-- Payments that wait for a score although no event of theirs is on its way to the scorer: it was numbered while there was
-- no subscription, or the scorer was switched off before it was delivered, or it is a dead letter, or another service took
-- the event and gave up. Of the oldest that wait, and of those whose new content waits behind an open case.
SELECT p.org_id, p.payment_id FROM (
    (SELECT p.org_id, p.payment_id, p.updated_at FROM payments p
     WHERE p.fraud_gate = 'score_pending' ORDER BY p.payment_id LIMIT %(limit)s)
    UNION ALL
    (SELECT p.org_id, p.payment_id, p.updated_at FROM payments p
     WHERE p.fraud_case_id IS NOT NULL AND p.fraud_status IS NULL LIMIT %(limit)s)) p
WHERE p.updated_at < %(before)s AND NOT EXISTS (
    SELECT FROM subscriptions s
    JOIN deliveries d ON d.aggregate_id = p.payment_id AND d.subscription_id::text = s.subscription_id::text
                         AND d.state = 'pending'
    WHERE s.kind = 'consumer' AND s.name = %(consumer)s AND s.active)
ORDER BY p.payment_id

-- name: payment_of
-- A case never goes to another payment, so this may be read before anything is locked.
SELECT c.payment_id FROM fraud_cases c WHERE c.org_id = %(org_id)s AND c.case_id = %(case_id)s

-- name: page
-- Oldest first; `@conditions` are those that the caller asked for.
SELECT @case_json::text AS found, @whole
FROM fraud_cases k JOIN payments p ON p.org_id = k.org_id AND p.payment_id = k.payment_id
WHERE k.org_id = %(org_id)s AND k.case_id > %(after)s @conditions
ORDER BY k.case_id
LIMIT %(limit)s

-- name: condition_status
AND k.status = %(status)s

-- name: condition_assignee
AND k.assignee = %(assignee)s

-- name: by_id
-- With what the newest score of its payment found.
SELECT @case_json::text AS found, @whole,
       (SELECT s.findings::text FROM fraud_scores s
        WHERE s.org_id = p.org_id AND s.payment_id = p.payment_id AND NOT s.shadow
        ORDER BY s.audit_seq DESC LIMIT 1) AS findings
FROM fraud_cases k JOIN payments p ON p.org_id = k.org_id AND p.payment_id = k.payment_id
WHERE k.org_id = %(org_id)s AND k.case_id = %(case_id)s

-- name: twins
-- The payments that the newest score's facts name as doubles, and others of the incident; the newest first.
SELECT @whole FROM payments p
WHERE p.org_id = %(org_id)s AND p.payment_id <> %(payment_id)s AND p.payment_id IN (
    SELECT (found #>> '{}')::uuid
    FROM (SELECT s.facts FROM fraud_scores s
          WHERE s.org_id = %(org_id)s AND s.payment_id = %(payment_id)s AND NOT s.shadow
          ORDER BY s.audit_seq DESC LIMIT 1) newest
    CROSS JOIN LATERAL jsonb_path_query(newest.facts -> 'duplicates', '$.**.payment_id') AS found
    UNION
    (SELECT i.payment_id FROM payments i
     WHERE i.org_id = %(org_id)s AND i.incident_id = %(incident_id)s
     ORDER BY i.payment_id DESC LIMIT %(limit)s))
ORDER BY p.payment_id DESC
LIMIT %(limit)s

-- name: flagged
-- Payments with an open case, oldest first; written as the partial index idx_payments_flagged is.
SELECT @whole FROM payments p
WHERE p.org_id = %(org_id)s AND p.fraud_case_id IS NOT NULL AND p.payment_id > %(after)s
ORDER BY p.payment_id
LIMIT %(limit)s
