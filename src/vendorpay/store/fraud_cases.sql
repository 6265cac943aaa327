-- Fraud cases as those who decide them read them; what is written about them is in writes.sql.

-- name: without_score
-- Whose payment could not be scored, the oldest first.
SELECT c.org_id, c.payment_id FROM fraud_cases c
WHERE c.status = 'open' AND c.cause = 'error' ORDER BY c.case_id LIMIT %(limit)s
