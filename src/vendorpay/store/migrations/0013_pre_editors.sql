-- Whoever edits what a payment pays for has decided that, and so does not approve it: `edited_by` made the present
-- content; null while it is the creator's.

ALTER TABLE payments ADD COLUMN edited_by text;
ALTER TABLE payments
    ADD CONSTRAINT payments_edited_by_named CHECK ((content_version = 1) = (edited_by IS NULL)),
    ADD CONSTRAINT payments_four_eyes_of_editor CHECK (approved_by <> edited_by);

-- A row's only when content or editor change: other updates pay nothing.
CREATE FUNCTION payments_check_editor() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.content_version = OLD.content_version THEN
        PERFORM refuse('payments_editor_on_record', 'who made the content stays with it');
    END IF;
    IF NOT EXISTS (SELECT FROM payment_audit_log a WHERE a.subject_id = NEW.payment_id AND a.actor_id = NEW.edited_by
                   AND a.seq > OLD.audit_seq AND a.seq <= NEW.audit_seq) THEN
        PERFORM refuse('payments_editor_on_record', 'edited_by is who the edit''s audit entry names');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payments_check_editor AFTER UPDATE ON payments FOR EACH ROW
    WHEN (OLD.content_version <> NEW.content_version OR OLD.edited_by IS DISTINCT FROM NEW.edited_by)
    EXECUTE FUNCTION payments_check_editor();

-- An approval comes with an update of its payment's row, whose lock it so has: the editor read here is the present one.
-- The settings are those of all checks of whole statements (0012).
CREATE FUNCTION approvals_check_editor() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET enable_material = off SET jit = off AS $$
BEGIN
    IF EXISTS (SELECT FROM new_rows n JOIN payments p USING (payment_id) WHERE p.edited_by = n.approver_id) THEN
        PERFORM refuse('approvals_four_eyes', 'whoever edited the content cannot approve it');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER approvals_check_editor AFTER INSERT ON approvals
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION approvals_check_editor();

GRANT UPDATE (edited_by) ON payments TO vendorpay_app;
