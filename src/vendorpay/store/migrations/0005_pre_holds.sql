-- Holds: somebody, or a part of the service, stops a payment until it is released. payments.open_holds counts those that
-- are open, so that the status trigger reads its own row alone (correctness.md 6); here both sides insist on the count.

CREATE TABLE holds (
    hold_id           uuid        NOT NULL,
    org_id            text        NOT NULL,
    payment_id        uuid        NOT NULL,
    kind              text        NOT NULL,
    placed_by         text        NOT NULL,
    placed_at         timestamptz NOT NULL,
    -- The words are those of the audit entry, whose text can be erased; the reason is their beginning.
    audit_seq         integer     NOT NULL,
    reason_characters integer     NOT NULL,
    released_at       timestamptz,
    released_by       text,
    release_audit_seq integer,

    CONSTRAINT holds_pkey PRIMARY KEY (hold_id),
    CONSTRAINT holds_payment_fkey FOREIGN KEY (org_id, payment_id)
        REFERENCES payments (org_id, payment_id) ON DELETE RESTRICT,
    CONSTRAINT holds_one_per_entry UNIQUE (payment_id, audit_seq),
    CONSTRAINT holds_kind_known CHECK (kind IN ('manual', 'fraud', 'payee_change', 'dispute')),
    CONSTRAINT holds_reason_short CHECK (reason_characters BETWEEN 0 AND 500),
    CONSTRAINT holds_reason_given CHECK (kind <> 'manual' OR reason_characters >= 1),
    CONSTRAINT holds_released_whole CHECK (
        (released_at IS NULL) = (released_by IS NULL) AND (released_at IS NULL) = (release_audit_seq IS NULL)),
    CONSTRAINT holds_released_after CHECK (release_audit_seq > audit_seq)
);
CREATE INDEX idx_holds_open ON holds (payment_id) WHERE released_at IS NULL;

-- Whoever places or releases a hold counts it on the payment's row too, and so holds that row's lock.
CREATE FUNCTION holds_check_count() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM (SELECT DISTINCT payment_id FROM new_rows) n JOIN payments p USING (payment_id)
               WHERE p.open_holds <> (SELECT count(*) FROM holds h WHERE h.payment_id = p.payment_id
                                      AND h.released_at IS NULL)) THEN
        PERFORM refuse('payments_holds_counted', 'open_holds counts the holds that are not released');
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF EXISTS (SELECT FROM new_rows n WHERE NOT EXISTS (
                       SELECT FROM payment_audit_log a WHERE a.subject_id = n.payment_id
                       AND a.seq = n.release_audit_seq AND a.actor_id = n.released_by)) THEN
            PERFORM refuse('holds_on_record', 'release_audit_seq is that of the releaser''s own audit entry');
        END IF;
        RETURN NULL;
    END IF;
    IF EXISTS (SELECT FROM new_rows n WHERE n.released_at IS NOT NULL) THEN
        PERFORM refuse('holds_only_released', 'a hold is open when it is placed');
    END IF;
    IF EXISTS (SELECT FROM new_rows n JOIN payments p USING (payment_id)
               WHERE p.status NOT IN ('pending_approval', 'approved', 'failed')) THEN
        PERFORM refuse('holds_only_before_payout', 'a payment on its way or at its end takes no hold');
    END IF;
    -- vendorpay.domain.payment.HOLDS_MAX; by kind, so that no number of people keeps the fraud side's own away.
    IF EXISTS (SELECT FROM (SELECT DISTINCT payment_id, kind FROM new_rows) n
               JOIN holds h USING (payment_id, kind) WHERE h.released_at IS NULL
               GROUP BY h.payment_id, h.kind HAVING count(*) > 20) THEN
        PERFORM refuse('holds_limited', 'a payment has at most 20 open holds of a kind');
    END IF;
    IF EXISTS (SELECT FROM new_rows n WHERE NOT EXISTS (
                   SELECT FROM payment_audit_log a
                   WHERE a.subject_id = n.payment_id AND a.seq = n.audit_seq AND a.actor_id = n.placed_by)) THEN
        PERFORM refuse('holds_on_record', 'audit_seq is that of the placer''s own audit entry');
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER holds_check_insert AFTER INSERT ON holds
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION holds_check_count();
CREATE TRIGGER holds_check_release AFTER UPDATE ON holds
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION holds_check_count();

-- A hold is released once; nothing else about it changes.
CREATE FUNCTION holds_check_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.released_at IS NOT NULL OR NEW.released_at IS NULL
       OR to_jsonb(NEW) - '{released_at,released_by,release_audit_seq}'::text[]
          IS DISTINCT FROM to_jsonb(OLD) - '{released_at,released_by,release_audit_seq}'::text[] THEN
        PERFORM refuse('holds_only_released', 'a hold can only be released, and only once');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER holds_check_update BEFORE UPDATE ON holds
    FOR EACH ROW EXECUTE FUNCTION holds_check_update();

CREATE TRIGGER refuse_delete BEFORE DELETE ON holds FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON holds FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The payment's side of the count. By row and only where the number moves: a hold that is not counted is refused on the
-- other side, and an approval should not pay for a count of holds that it does not touch.
CREATE FUNCTION payments_check_holds() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.open_holds <> (SELECT count(*) FROM holds h
                          WHERE h.payment_id = NEW.payment_id AND h.released_at IS NULL) THEN
        PERFORM refuse('payments_holds_counted', 'open_holds counts the holds that are not released');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payments_check_held_birth AFTER INSERT ON payments
    FOR EACH ROW WHEN (NEW.open_holds <> 0) EXECUTE FUNCTION payments_check_holds();
CREATE TRIGGER payments_check_holds AFTER UPDATE OF open_holds ON payments
    FOR EACH ROW WHEN (NEW.open_holds IS DISTINCT FROM OLD.open_holds) EXECUTE FUNCTION payments_check_holds();

GRANT SELECT ON holds TO vendorpay_app, vendorpay_readonly;
GRANT INSERT ON holds TO vendorpay_app;
GRANT UPDATE (released_at, released_by, release_audit_seq) ON holds TO vendorpay_app;
