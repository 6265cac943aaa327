-- The seed's views, and what each role may do. The service runs as vendorpay_app, which owns nothing.

CREATE VIEW pending_approvals AS
    SELECT p.payment_id, p.org_id, p.incident_id, p.vendor_id, p.amount_cents, p.currency, p.created_at, p.metadata,
           p.line_count AS line_item_count
    FROM payments p
    WHERE p.status = 'pending_approval' AND p.payer_type = 'back_office'
    ORDER BY p.payment_id;

-- Counts by sub-selects: joining two children multiplies them (origin 65).
CREATE VIEW payment_summary AS
    SELECT p.payment_id, p.org_id, p.incident_id, p.vendor_id, p.amount_cents, p.currency, p.status, p.created_at,
           p.approved_at, p.processed_at, p.fraud_score, p.fraud_status,
           p.line_count AS line_item_count,
           (SELECT count(*) FROM payment_audit_log a WHERE a.subject_id = p.payment_id) AS audit_log_count
    FROM payments p;

GRANT USAGE ON SCHEMA public TO vendorpay_app, vendorpay_readonly;

-- Partitions are reached through their parents alone: nobody gets a grant on one.
GRANT SELECT ON payments, payment_line_items, approvals, limit_usage, payment_audit_log, audit_texts, outbox, commands,
    inbox, quarantine, pending_approvals, payment_summary, schema_migrations
    TO vendorpay_app, vendorpay_readonly;
GRANT INSERT ON payments, payment_line_items, approvals, limit_usage, audit_texts, commands, inbox, quarantine
    TO vendorpay_app;
-- All but xid: an entry or event under another transaction's number would never be given its position.
GRANT INSERT (log_id, org_id, subject_type, subject_id, payment_id, seq, action, actor_id, actor_type, previous_status,
              new_status, reason_code, content_digest, notes_digest, "timestamp", canonical, prev_hash, hash)
    ON payment_audit_log TO vendorpay_app;
GRANT INSERT (org_id, aggregate_type, aggregate_id, sequence, event_id, event_type, detail, occurred_at)
    ON outbox TO vendorpay_app;
GRANT UPDATE (status, version, content_version, amount_cents, digest, line_count, reference, required_approvals,
              approvals_valid, open_holds, fraud_gate, fraud_score, fraud_status, payee_account_version, audit_seq,
              audit_head, event_seq, approved_by, approved_at, stripe_payment_intent_id, stripe_transfer_id,
              processed_at, completed_at, failed_reason, failed_code, metadata, updated_at)
    ON payments TO vendorpay_app;
GRANT UPDATE (voided_at) ON approvals TO vendorpay_app;
GRANT UPDATE (used_cents) ON limit_usage TO vendorpay_app;
GRANT UPDATE (salt, text) ON audit_texts TO vendorpay_app;
GRANT UPDATE (times_seen, last_seen_at, reason, errors, resolved_at, resolved_by, payment_id) ON quarantine
    TO vendorpay_app;

REVOKE ALL ON FUNCTION ensure_partitions(timestamptz, integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION partition_months_left(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_partitions(timestamptz, integer) TO vendorpay_app;
GRANT EXECUTE ON FUNCTION partition_months_left(timestamptz) TO vendorpay_app, vendorpay_readonly;
