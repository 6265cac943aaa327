-- Triggers: moves, sums, approvals, and that every change is on record. Ordinary ones: what a superuser does is the
-- audit verifier's business. Each raises with the name of the rule as its constraint. Those that read tables have a
-- search_path of their own: else a temporary table of the same name would be read in a table's place.

CREATE FUNCTION update_updated_at_column() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- The service brings its own time; whoever does not, gets the database's.
    IF NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at THEN
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER update_payments_updated_at BEFORE UPDATE ON payments
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE FUNCTION refuse(rule text, message text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', message USING ERRCODE = 'check_violation', CONSTRAINT = rule;
END $$;

-- What an update may change, from which version, and along which move (vendorpay.domain.lifecycle.MOVES).
CREATE FUNCTION payments_check_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.payment_id, NEW.org_id, NEW.incident_id, NEW.vendor_id, NEW.payer_type, NEW.created_by, NEW.created_at,
        NEW.currency) IS DISTINCT FROM
       (OLD.payment_id, OLD.org_id, OLD.incident_id, OLD.vendor_id, OLD.payer_type, OLD.created_by, OLD.created_at,
        OLD.currency) OR NEW.payer_id IS DISTINCT FROM OLD.payer_id THEN
        PERFORM refuse('payments_identity_fixed', 'who is owed, for what, by whom, and in which currency never changes');
    END IF;
    IF NEW.version <> OLD.version + 1 THEN
        PERFORM refuse('payments_version_counts', 'an update takes version to the next number');
    END IF;
    IF NEW.audit_seq <= OLD.audit_seq OR NEW.event_seq < OLD.event_seq THEN
        PERFORM refuse('payments_change_is_audited', 'an update leaves an audit entry');
    END IF;
    IF NEW.required_approvals < OLD.required_approvals THEN
        PERFORM refuse('payments_required_approvals_kept', 'required approvals are never lowered');
    END IF;
    -- A bill's number frees its job for another payment, so what was paid keeps its own.
    IF NEW.reference <> OLD.reference AND OLD.status NOT IN ('pending_approval', 'approved') THEN
        PERFORM refuse('payments_identity_fixed', 'the reference is fixed once money is on its way or the payment ended');
    END IF;
    IF (NEW.amount_cents, NEW.digest, NEW.line_count, NEW.payee_account_version) IS DISTINCT FROM
       (OLD.amount_cents, OLD.digest, OLD.line_count, OLD.payee_account_version)
       AND NEW.content_version = OLD.content_version THEN
        PERFORM refuse('payments_content_versioned', 'new content has a new content_version');
    END IF;
    IF NEW.content_version <> OLD.content_version AND NOT (
            NEW.content_version = OLD.content_version + 1 AND OLD.status IN ('pending_approval', 'approved')
            AND NEW.status = 'pending_approval' AND NEW.approvals_valid = 0) THEN
        PERFORM refuse('payments_content_versioned', 'new content waits for approval again, with none given');
    END IF;
    IF NEW.approvals_valid > OLD.approvals_valid AND OLD.status <> 'pending_approval' THEN
        PERFORM refuse('approvals_only_while_pending', format('a payment that is %s takes no approval', OLD.status));
    END IF;
    IF NEW.status <> OLD.status THEN
        IF (OLD.status, NEW.status) NOT IN (
            ('pending_approval', 'approved'), ('pending_approval', 'rejected'), ('pending_approval', 'cancelled'),
            ('approved', 'processing'), ('approved', 'cancelled'), ('approved', 'pending_approval'),
            ('processing', 'completed'), ('processing', 'failed'),
            ('failed', 'processing'), ('failed', 'cancelled'),
            ('completed', 'reversed'), ('completed', 'failed')) THEN
            PERFORM refuse('payments_moves', format('a payment does not move from %s to %s', OLD.status, NEW.status));
        END IF;
        IF NEW.event_seq = OLD.event_seq THEN
            PERFORM refuse('payments_change_is_published', 'a move is published by an event');
        END IF;
        IF NEW.status IN ('approved', 'processing') AND NEW.open_holds > 0 THEN
            PERFORM refuse('payments_not_held', 'an open hold refuses approval and payout');
        END IF;
        IF NEW.status IN ('approved', 'processing') AND NEW.fraud_gate <> 'clear' THEN
            PERFORM refuse('payments_fraud_gate', format('the fraud gate is not clear but %s', NEW.fraud_gate));
        END IF;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payments_check_update BEFORE UPDATE ON payments
    FOR EACH ROW EXECUTE FUNCTION payments_check_update();

-- A payment is born waiting, with its lines, its first audit entry and its first event, all by one statement.
CREATE FUNCTION payments_check_birth() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM new_rows n WHERE n.status <> 'pending_approval' OR n.version <> 1 OR n.content_version <> 1
               OR n.approvals_valid <> 0 OR n.approved_by IS NOT NULL OR n.approved_at IS NOT NULL) THEN
        PERFORM refuse('payments_born_pending', 'a payment begins as pending_approval, version 1, with no approvals');
    END IF;
    IF EXISTS (SELECT FROM new_rows n WHERE NOT EXISTS (
                   SELECT FROM payment_audit_log a
                   WHERE a.subject_id = n.payment_id AND a.seq = n.audit_seq AND a.hash = n.audit_head)) THEN
        PERFORM refuse('payments_change_is_audited', 'audit_seq and audit_head are those of an audit entry');
    END IF;
    IF EXISTS (SELECT FROM new_rows n WHERE NOT EXISTS (
                   SELECT FROM outbox o WHERE o.aggregate_id = n.payment_id AND o.sequence = n.event_seq)) THEN
        PERFORM refuse('payments_change_is_published', 'event_seq is that of an event in the outbox');
    END IF;
    IF EXISTS (SELECT FROM new_rows n LEFT JOIN LATERAL (
                   SELECT count(*) AS lines, sum(l.total_cents) AS total FROM payment_line_items l
                   WHERE l.payment_id = n.payment_id AND l.content_version = n.content_version) s ON true
               WHERE s.lines <> n.line_count OR s.total IS DISTINCT FROM n.amount_cents) THEN
        PERFORM refuse('payments_line_sum', 'amount_cents and line_count are those of the line items');
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER payments_check_birth AFTER INSERT ON payments
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payments_check_birth();

CREATE FUNCTION payments_check_change() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM new_rows n WHERE NOT EXISTS (
                   SELECT FROM payment_audit_log a
                   WHERE a.subject_id = n.payment_id AND a.seq = n.audit_seq AND a.hash = n.audit_head)) THEN
        PERFORM refuse('payments_change_is_audited', 'audit_seq and audit_head are those of an audit entry');
    END IF;
    IF EXISTS (SELECT FROM new_rows n WHERE NOT EXISTS (
                   SELECT FROM outbox o WHERE o.aggregate_id = n.payment_id AND o.sequence = n.event_seq)) THEN
        PERFORM refuse('payments_change_is_published', 'event_seq is that of an event in the outbox');
    END IF;
    -- Those of earlier contents are counted too: new content voids them.
    IF EXISTS (SELECT FROM new_rows n WHERE n.approvals_valid <> (
                   SELECT count(*) FROM approvals a WHERE a.payment_id = n.payment_id AND a.voided_at IS NULL)) THEN
        PERFORM refuse('payments_approvals_counted', 'approvals_valid counts the approvals that are not voided');
    END IF;
    IF EXISTS (SELECT FROM new_rows n
               WHERE n.status IN ('approved', 'processing', 'completed', 'failed', 'reversed')
                     AND n.approved_by IS NOT NULL AND NOT EXISTS (
                         SELECT FROM approvals a WHERE a.payment_id = n.payment_id AND a.voided_at IS NULL
                         AND a.content_version = n.content_version AND a.approver_id = n.approved_by)) THEN
        PERFORM refuse('payments_approved_by_approver', 'approved_by is somebody whose approval is valid');
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER payments_check_change AFTER UPDATE ON payments
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payments_check_change();

CREATE FUNCTION payments_check_content() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM payment_line_items l
                   WHERE l.payment_id = NEW.payment_id AND l.content_version = NEW.content_version
                   HAVING count(*) = NEW.line_count AND sum(l.total_cents) = NEW.amount_cents) THEN
        PERFORM refuse('payments_line_sum', 'amount_cents and line_count are those of the line items');
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER payments_check_content AFTER UPDATE OF amount_cents, content_version, line_count ON payments
    FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION payments_check_content();

-- Lines may only be those of the payment's present content: none is added to it later, none prepared for the next.
CREATE FUNCTION payment_line_items_check_insert() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM (SELECT DISTINCT payment_id, content_version FROM new_rows) n
               JOIN payments p ON p.payment_id = n.payment_id
               LEFT JOIN LATERAL (
                   SELECT count(*) AS lines, sum(l.total_cents) AS total FROM payment_line_items l
                   WHERE l.payment_id = n.payment_id AND l.content_version = n.content_version) s ON true
               WHERE n.content_version <> p.content_version OR s.lines <> p.line_count
                     OR s.total IS DISTINCT FROM p.amount_cents) THEN
        PERFORM refuse('payments_line_sum', 'the line items of a payment are those its amount and line_count say');
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER payment_line_items_check_insert AFTER INSERT ON payment_line_items
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payment_line_items_check_insert();

-- Whoever gives or voids an approval counts it on the payment's row too, and so holds that row's lock.
CREATE FUNCTION approvals_check_count() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM (SELECT DISTINCT payment_id FROM new_rows) n JOIN payments p USING (payment_id)
               WHERE p.approvals_valid <> (SELECT count(*) FROM approvals a WHERE a.payment_id = p.payment_id
                                           AND a.voided_at IS NULL)) THEN
        PERFORM refuse('payments_approvals_counted', 'approvals_valid counts the approvals that are not voided');
    END IF;
    IF TG_OP = 'UPDATE' THEN
        RETURN NULL;
    END IF;
    IF EXISTS (SELECT FROM new_rows n WHERE n.voided_at IS NOT NULL) THEN
        PERFORM refuse('approvals_only_voided', 'an approval is valid when it is given');
    END IF;
    IF EXISTS (SELECT FROM new_rows n JOIN payments p USING (payment_id)
               WHERE p.status NOT IN ('pending_approval', 'approved')) THEN
        PERFORM refuse('approvals_only_while_pending', 'only a payment that waits takes an approval');
    END IF;
    IF EXISTS (SELECT FROM new_rows n JOIN payments p USING (payment_id)
               WHERE (n.content_version, n.digest) <> (p.content_version, p.digest)) THEN
        PERFORM refuse('approvals_sign_content', 'an approval signs the payment''s present content');
    END IF;
    IF EXISTS (SELECT FROM new_rows n WHERE NOT EXISTS (
                   SELECT FROM payment_audit_log a
                   WHERE a.subject_id = n.payment_id AND a.seq = n.audit_seq AND a.actor_id = n.approver_id)) THEN
        PERFORM refuse('approvals_on_record', 'audit_seq is that of the approver''s own audit entry');
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER approvals_check_insert AFTER INSERT ON approvals
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION approvals_check_count();
CREATE TRIGGER approvals_check_void AFTER UPDATE ON approvals
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION approvals_check_count();

-- An approval is voided once; nothing else about it changes.
CREATE FUNCTION approvals_check_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.voided_at IS NOT NULL OR NEW.voided_at IS NULL
       OR to_jsonb(NEW) - 'voided_at' IS DISTINCT FROM to_jsonb(OLD) - 'voided_at' THEN
        PERFORM refuse('approvals_only_voided', 'an approval can only be voided, and only once');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER approvals_check_update BEFORE UPDATE ON approvals
    FOR EACH ROW EXECUTE FUNCTION approvals_check_update();

-- Each entry follows the one before it.
CREATE FUNCTION payment_audit_log_check_link() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM new_rows n WHERE n.seq > 1 AND NOT EXISTS (
                   SELECT FROM payment_audit_log a
                   WHERE a.subject_id = n.subject_id AND a.seq = n.seq - 1 AND a.hash = n.prev_hash)) THEN
        PERFORM refuse('payment_audit_log_linked', 'prev_hash is the hash of the entry before');
    END IF;
    -- An entry nobody's head points at or past would be a second, hidden end of the chain.
    -- So would one under another type of subject: the place in the chain would be taken.
    IF EXISTS (SELECT FROM (SELECT subject_id, max(seq) AS seq, bool_and(subject_type = 'payment') AS of_payment
                            FROM new_rows GROUP BY subject_id) n
               JOIN payments p ON p.payment_id = n.subject_id WHERE n.seq <> p.audit_seq OR NOT n.of_payment) THEN
        PERFORM refuse('payment_audit_log_linked', 'the newest entry is the head in the payment''s row');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payment_audit_log_check_link AFTER INSERT ON payment_audit_log
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION payment_audit_log_check_link();

-- Events are numbered without a gap up to the number in the payment's row.
CREATE FUNCTION outbox_check_sequence() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM (SELECT org_id, aggregate_type, aggregate_id, min(sequence) AS lowest,
                                   max(sequence) AS highest, count(*) AS many
                            FROM new_rows GROUP BY org_id, aggregate_type, aggregate_id) n
               LEFT JOIN payments p ON p.payment_id = n.aggregate_id
               WHERE n.highest - n.lowest + 1 <> n.many
                     OR (n.lowest > 1 AND NOT EXISTS (SELECT FROM outbox o WHERE o.aggregate_id = n.aggregate_id
                                                      AND o.sequence = n.lowest - 1))
                     OR ((n.aggregate_type = 'payment' OR p.payment_id IS NOT NULL)
                         AND (n.org_id, n.aggregate_type, n.highest) IS DISTINCT FROM
                             (p.org_id, 'payment', p.event_seq))) THEN
        PERFORM refuse('outbox_dense', 'events are numbered without a gap, up to event_seq of their payment');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER outbox_check_sequence AFTER INSERT ON outbox
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION outbox_check_sequence();

-- A text is the one whose digest its entry holds; it comes with the entry or not at all.
CREATE FUNCTION audit_texts_check_insert() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM new_rows n WHERE NOT EXISTS (
                   SELECT FROM payment_audit_log a
                   WHERE a.subject_id = n.subject_id AND a.seq = n.seq AND a.org_id = n.org_id
                         AND a.notes_digest = sha256(n.salt || convert_to(n.text, 'UTF8')))) THEN
        PERFORM refuse('audit_texts_match_digest', 'a text is the one whose digest is in its audit entry');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_texts_check_insert AFTER INSERT ON audit_texts
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION audit_texts_check_insert();

-- Texts are erased whole or left alone.
CREATE FUNCTION audit_texts_check_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.text IS NOT NULL OR NEW.salt IS NOT NULL
       OR (NEW.org_id, NEW.subject_id, NEW.seq) IS DISTINCT FROM (OLD.org_id, OLD.subject_id, OLD.seq) THEN
        PERFORM refuse('audit_texts_only_erased', 'a text can only be erased');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_texts_check_update BEFORE UPDATE ON audit_texts
    FOR EACH ROW EXECUTE FUNCTION audit_texts_check_update();

-- Append-only: refused to everybody but a superuser who disables triggers, the owner included.
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON payment_audit_log
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON outbox
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON payment_line_items
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON inbox
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_delete BEFORE DELETE ON payments FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_delete BEFORE DELETE ON approvals FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_delete BEFORE DELETE ON audit_texts FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_delete BEFORE DELETE ON quarantine FOR EACH ROW EXECUTE FUNCTION refuse_change();

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['payments', 'payment_line_items', 'approvals', 'payment_audit_log', 'audit_texts',
                                'outbox', 'commands', 'inbox', 'quarantine'] LOOP
        EXECUTE format('CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON %I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
    END LOOP;
END $$;
