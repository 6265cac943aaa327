-- The gate between a payment and its approval: its fraud score, and the case that somebody must decide when it is
-- flagged. `payments.fraud_gate` is what approval reads (0003); here the database insists that it is true: clear after a
-- score or a decision, review_required with an open case, and no other way from the one to the other.

ALTER TABLE payments ADD COLUMN fraud_reasons jsonb NOT NULL DEFAULT '[]', ADD COLUMN fraud_case_id uuid;
ALTER TABLE payments
    ADD CONSTRAINT payments_fraud_reasons_are_list CHECK (jsonb_typeof(fraud_reasons) = 'array'),
    -- Nothing between open case and approval but the gate: so the trigger of 0003 needs its own row alone.
    ADD CONSTRAINT payments_fraud_case_shuts_gate CHECK (fraud_case_id IS NULL OR fraud_gate = 'review_required'),
    -- A payment that waits for a review without a case would wait for ever; of one that ended, the gate stays shut.
    ADD CONSTRAINT payments_fraud_review_has_case CHECK (
        fraud_gate <> 'review_required' OR fraud_case_id IS NOT NULL OR status NOT IN ('pending_approval', 'approved')),
    ADD CONSTRAINT payments_fraud_score_has_status CHECK (fraud_score IS NULL OR fraud_status IS NOT NULL);

-- The queue of what is flagged, and what waits for its score (vendorpay_unscored_oldest_seconds).
CREATE INDEX idx_payments_flagged ON payments (org_id, payment_id) WHERE fraud_case_id IS NOT NULL;
CREATE INDEX idx_payments_unscored ON payments (payment_id) WHERE fraud_gate = 'score_pending';

-- What later payments are held against: one narrow row for each payment, as vendorpay.domain.fraud.rows makes it, with an
-- index for each window that is looked at (vendorpay.domain.fraud.windows). The scorer writes it, so that creating a
-- payment pays nothing for it.
CREATE TABLE fraud_history (
    payment_id      uuid        NOT NULL,
    org_id          text        NOT NULL,
    content_version integer     NOT NULL,
    vendor_id       uuid        NOT NULL,
    incident_id     uuid        NOT NULL,
    occurred_at     timestamptz NOT NULL,
    currency        text        NOT NULL,
    amount_cents    bigint      NOT NULL,
    -- '' is the group of those that do not say; so that the index can be asked for it.
    service_type    text        NOT NULL,
    base_cents      bigint,
    mileage_cents   bigint,
    duration_min    bigint,
    photo_count     bigint,
    created_by      text,
    driver_id       text,
    lines_key       bigint      NOT NULL,
    extras          text[]      NOT NULL,
    notes_key       bigint,
    photos_key      bigint,
    live            boolean     NOT NULL,

    CONSTRAINT fraud_history_pkey PRIMARY KEY (payment_id),
    CONSTRAINT fraud_history_payment_fkey FOREIGN KEY (org_id, payment_id)
        REFERENCES payments (org_id, payment_id) ON DELETE RESTRICT,
    CONSTRAINT fraud_history_amount_positive CHECK (amount_cents > 0),
    CONSTRAINT fraud_history_extras_limited CHECK (cardinality(extras) <= 8)
);
-- A backtest reads an organisation's rows as they were recorded.
CREATE INDEX idx_fraud_history_recorded ON fraud_history (org_id, payment_id);
CREATE INDEX idx_fraud_history_vendor ON fraud_history (org_id, vendor_id, occurred_at, payment_id);
CREATE INDEX idx_fraud_history_incident ON fraud_history (org_id, incident_id, occurred_at, payment_id);
CREATE INDEX idx_fraud_history_peers ON fraud_history (org_id, service_type, currency, occurred_at, payment_id)
    INCLUDE (amount_cents, base_cents, mileage_cents, duration_min, photo_count);
CREATE INDEX idx_fraud_history_org ON fraud_history (org_id, occurred_at, payment_id) INCLUDE (vendor_id);
CREATE INDEX idx_fraud_history_creator ON fraud_history (org_id, created_by, occurred_at, payment_id)
    INCLUDE (vendor_id) WHERE created_by IS NOT NULL;
CREATE INDEX idx_fraud_history_driver ON fraud_history (org_id, driver_id, occurred_at, payment_id)
    INCLUDE (vendor_id) WHERE driver_id IS NOT NULL;

-- What ended has no twins: the job may be billed again.
CREATE FUNCTION payments_end_in_history() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE fraud_history SET live = false WHERE payment_id = NEW.payment_id AND live;
    RETURN NULL;
END $$;
CREATE TRIGGER payments_end_in_history AFTER UPDATE OF status ON payments FOR EACH ROW
    WHEN (NEW.status IN ('rejected', 'cancelled', 'reversed') AND OLD.status <> NEW.status)
    EXECUTE FUNCTION payments_end_in_history();

-- Every score that was given, with what it was made of; never changed. Those of a rule set that only watches (shadow)
-- stand here too and touch nothing else.
CREATE TABLE fraud_scores (
    score_id         uuid          NOT NULL,
    org_id           text          NOT NULL,
    payment_id       uuid          NOT NULL,
    content_version  integer       NOT NULL,
    shadow           boolean       NOT NULL,
    provider         text          NOT NULL,
    rule_set_version text          NOT NULL,
    score            numeric(3, 2),
    status           text,
    -- Why there is no score.
    error            text,
    findings         jsonb         NOT NULL,
    facts            jsonb,
    duration_us      bigint        NOT NULL,
    scored_at        timestamptz   NOT NULL,
    audit_seq        integer,

    CONSTRAINT fraud_scores_pkey PRIMARY KEY (score_id),
    CONSTRAINT fraud_scores_payment_fkey FOREIGN KEY (org_id, payment_id)
        REFERENCES payments (org_id, payment_id) ON DELETE RESTRICT,
    CONSTRAINT fraud_scores_score_is_share CHECK (score BETWEEN 0 AND 1),
    CONSTRAINT fraud_scores_status_known CHECK (status IN ('low_risk', 'medium_risk', 'high_risk', 'flagged')),
    CONSTRAINT fraud_scores_score_or_error CHECK (
        (score IS NULL) = (error IS NOT NULL) AND (score IS NULL) = (status IS NULL)),
    CONSTRAINT fraud_scores_live_on_record CHECK (shadow = (audit_seq IS NULL)),
    CONSTRAINT fraud_scores_findings_are_list CHECK (jsonb_typeof(findings) = 'array'),
    CONSTRAINT fraud_scores_duration_not_negative CHECK (duration_us >= 0),
    CONSTRAINT fraud_scores_named CHECK (provider <> '' AND rule_set_version <> '')
);
CREATE INDEX idx_fraud_scores_payment ON fraud_scores (payment_id, content_version);
-- For reports and backtests over a period.
CREATE INDEX idx_fraud_scores_scored_at ON fraud_scores (org_id, scored_at);

-- A flagged payment, until somebody has decided about it. Words (notes, why) are in the payment's audit log.
CREATE TABLE fraud_cases (
    case_id            uuid        NOT NULL,
    org_id             text        NOT NULL,
    payment_id         uuid        NOT NULL,
    created_by         text        NOT NULL,
    content_version    integer     NOT NULL,
    -- Whether a score opened it, or that there was none to be had.
    cause              text        NOT NULL,
    status             text        NOT NULL DEFAULT 'open',
    opened_at          timestamptz NOT NULL,
    audit_seq          integer     NOT NULL,
    assignee           text,
    assigned_at        timestamptz,
    decided_by         text,
    decided_at         timestamptz,
    reason_code        text,
    vendor_blocked     boolean     NOT NULL DEFAULT false,
    decision_audit_seq integer,

    CONSTRAINT fraud_cases_pkey PRIMARY KEY (case_id),
    -- created_by is the payment's own, by the foreign key; so the CHECK is four eyes without reading another row.
    CONSTRAINT fraud_cases_payment_fkey FOREIGN KEY (org_id, payment_id, created_by)
        REFERENCES payments (org_id, payment_id, created_by) ON DELETE RESTRICT,
    CONSTRAINT fraud_cases_four_eyes CHECK (decided_by <> created_by),
    CONSTRAINT fraud_cases_cause_known CHECK (cause IN ('score', 'error')),
    CONSTRAINT fraud_cases_status_known CHECK (status IN ('open', 'cleared', 'confirmed', 'superseded')),
    CONSTRAINT fraud_cases_assigned_whole CHECK ((assignee IS NULL) = (assigned_at IS NULL)),
    CONSTRAINT fraud_cases_decided_whole CHECK (
        (status = 'open') = (decided_by IS NULL) AND (decided_by IS NULL) = (decided_at IS NULL)
        AND (decided_by IS NULL) = (decision_audit_seq IS NULL)),
    -- People decide, and say why; only a case that no score opened is closed by the score that came after all.
    CONSTRAINT fraud_cases_decided_by_people CHECK (
        CASE status WHEN 'open' THEN reason_code IS NULL
                    WHEN 'superseded' THEN reason_code IS NULL AND decided_by LIKE 'system:%' AND cause = 'error'
                    ELSE reason_code IS NOT NULL AND decided_by NOT LIKE 'system:%' END),
    CONSTRAINT fraud_cases_reason_known CHECK (reason_code IN (
        'verified_with_vendor', 'verified_photos', 'known_pattern', 'duplicate', 'inflated', 'not_performed', 'other')),
    CONSTRAINT fraud_cases_only_confirmed_blocks CHECK (NOT vendor_blocked OR status = 'confirmed')
);
CREATE UNIQUE INDEX fraud_cases_one_open_per_payment ON fraud_cases (payment_id) WHERE status = 'open';
CREATE INDEX idx_fraud_cases_payment ON fraud_cases (payment_id, audit_seq);
CREATE INDEX idx_fraud_cases_open ON fraud_cases (case_id) WHERE status = 'open';
CREATE INDEX idx_fraud_cases_org ON fraud_cases (org_id, case_id);
CREATE INDEX idx_fraud_cases_status ON fraud_cases (org_id, status, case_id);

-- A live score is of the content that the payment has, and is on record there as the service's own word.
CREATE FUNCTION fraud_scores_check_insert() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    ids uuid[];
    other_content boolean; on_record boolean;
BEGIN
    SELECT array_agg(n.payment_id ORDER BY n.payment_id) INTO ids FROM new_rows n WHERE NOT n.shadow;
    IF ids IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT bool_or(n.content_version <> p.content_version), bool_and(a.seq IS NOT NULL)
    INTO other_content, on_record
    FROM new_rows n
    LEFT JOIN payments p ON p.payment_id = n.payment_id
    LEFT JOIN payment_audit_log a ON a.subject_id = n.payment_id AND a.seq = n.audit_seq
                                     AND a.action = 'payment_scored' AND a.actor_id LIKE 'system:%'
                                     AND a.subject_id BETWEEN ids[1] AND ids[cardinality(ids)]
    WHERE NOT n.shadow;
    IF other_content THEN
        PERFORM refuse('fraud_scores_of_content', 'a score is that of the payment''s present content');
    ELSIF NOT on_record THEN
        PERFORM refuse('fraud_scores_on_record', 'audit_seq is that of the audit entry of the score');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER fraud_scores_check_insert AFTER INSERT ON fraud_scores
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION fraud_scores_check_insert();

CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON fraud_scores
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON fraud_scores
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Whoever opens or decides a case says so on the payment's row too, and so holds that row's lock.
CREATE FUNCTION fraud_cases_check_payment() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    ids uuid[];
    not_told boolean; not_open boolean; on_record boolean; edited boolean;
BEGIN
    SELECT array_agg(n.payment_id ORDER BY n.payment_id) INTO ids FROM new_rows n;
    SELECT bool_or((n.status = 'open') <> (p.fraud_case_id IS NOT DISTINCT FROM n.case_id)),
           bool_or(n.status <> 'open' OR n.content_version <> p.content_version), bool_and(a.seq IS NOT NULL),
           bool_or(n.status IN ('cleared', 'confirmed') AND (p.edited_by = n.decided_by) IS TRUE)
    INTO not_told, not_open, on_record, edited
    FROM new_rows n
    LEFT JOIN payments p ON p.payment_id = n.payment_id
    LEFT JOIN payment_audit_log a ON a.subject_id = n.payment_id
                                     AND a.seq = coalesce(n.decision_audit_seq, n.audit_seq)
                                     AND a.actor_id = coalesce(n.decided_by, a.actor_id)
                                     AND a.subject_id BETWEEN ids[1] AND ids[cardinality(ids)];
    IF not_told THEN
        PERFORM refuse('payments_fraud_case_told', 'fraud_case_id is that of the payment''s open case');
    ELSIF TG_OP = 'INSERT' AND not_open THEN
        PERFORM refuse('fraud_cases_only_decided', 'a case begins open, about the payment''s present content');
    ELSIF NOT on_record THEN
        PERFORM refuse('fraud_cases_on_record', 'what is done about a case stands in the audit log, by who did it');
    ELSIF edited THEN
        PERFORM refuse('fraud_cases_four_eyes', 'whoever edited the content does not decide its case');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER fraud_cases_check_insert AFTER INSERT ON fraud_cases
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION fraud_cases_check_payment();
CREATE TRIGGER fraud_cases_check_decided AFTER UPDATE ON fraud_cases
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION fraud_cases_check_payment();

-- A case is decided once; until then it may be given to somebody, and be found to have another cause.
CREATE FUNCTION fraud_cases_check_update() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    fixed text[] := '{assignee,assigned_at,decided_by,decided_at,reason_code,vendor_blocked,decision_audit_seq,status}';
BEGIN
    IF OLD.status <> 'open' THEN
        PERFORM refuse('fraud_cases_only_decided', 'a case that is decided stays so');
    ELSIF to_jsonb(NEW) - fixed - 'cause'::text IS DISTINCT FROM to_jsonb(OLD) - fixed - 'cause'::text
          OR (NEW.cause <> OLD.cause AND (OLD.cause, NEW.cause, NEW.status) <> ('error', 'score', 'open')) THEN
        PERFORM refuse('fraud_cases_only_decided', 'a case is given to somebody, or decided; nothing else changes');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER fraud_cases_check_update BEFORE UPDATE ON fraud_cases
    FOR EACH ROW EXECUTE FUNCTION fraud_cases_check_update();
CREATE TRIGGER refuse_delete BEFORE DELETE ON fraud_cases FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON fraud_cases FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The payment's side. By row, and only where one of these columns or the content moves: other updates pay nothing.
CREATE FUNCTION payments_check_fraud() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.fraud_case_id IS DISTINCT FROM (SELECT c.case_id FROM fraud_cases c
                                           WHERE c.payment_id = NEW.payment_id AND c.status = 'open') THEN
        PERFORM refuse('payments_fraud_case_told', 'fraud_case_id is that of the payment''s open case');
    END IF;
    IF NEW.fraud_status IS NOT NULL
       AND (NEW.fraud_score, NEW.fraud_status) IS DISTINCT FROM (OLD.fraud_score, OLD.fraud_status) AND NOT EXISTS (
           SELECT FROM fraud_scores s WHERE s.payment_id = NEW.payment_id AND s.content_version = NEW.content_version
           AND NOT s.shadow AND s.score IS NOT DISTINCT FROM NEW.fraud_score
           AND coalesce(s.status, 'flagged') = NEW.fraud_status) THEN
        PERFORM refuse('payments_fraud_score_on_record', 'the score is one that was given to the present content');
    END IF;
    IF NEW.content_version <> OLD.content_version THEN
        -- What was found about the old content says nothing of the new. Where nothing was ever asked, nothing is now.
        IF NEW.fraud_status IS NOT NULL
           OR (NEW.fraud_gate = 'clear' AND (OLD.fraud_gate, OLD.fraud_status) IS DISTINCT FROM ('clear', NULL)) THEN
            PERFORM refuse('payments_fraud_gate_rescored', 'new content is scored again');
        END IF;
    ELSIF NEW.fraud_gate = 'clear' AND OLD.fraud_gate <> 'clear' AND NOT EXISTS (
              -- A score that flags nothing; or any, or none after a try, once the case is cleared (below).
              SELECT FROM fraud_scores s WHERE s.payment_id = NEW.payment_id AND NOT s.shadow
              AND s.content_version = NEW.content_version
              AND (s.status <> 'flagged' OR OLD.fraud_gate = 'review_required')) THEN
        PERFORM refuse('payments_fraud_gate_scored', 'the gate opens after a score of the present content');
    END IF;
    -- By who cleared the case, or by the score that was missing.
    IF OLD.fraud_gate = 'review_required' AND NEW.fraud_gate <> 'review_required' AND NOT EXISTS (
           SELECT FROM fraud_cases c WHERE c.case_id = OLD.fraud_case_id
           AND (c.status = 'cleared' OR (c.status = 'superseded' AND EXISTS (
                    SELECT FROM fraud_scores s WHERE s.payment_id = NEW.payment_id AND NOT s.shadow
                    AND s.content_version = NEW.content_version AND s.status <> 'flagged')))) THEN
        PERFORM refuse('payments_fraud_gate_decided', 'a shut gate opens when its case is cleared');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payments_check_fraud AFTER UPDATE ON payments FOR EACH ROW
    WHEN (OLD.fraud_gate <> NEW.fraud_gate OR OLD.fraud_case_id IS DISTINCT FROM NEW.fraud_case_id
          OR OLD.content_version <> NEW.content_version OR OLD.fraud_score IS DISTINCT FROM NEW.fraud_score
          OR OLD.fraud_status IS DISTINCT FROM NEW.fraud_status)
    EXECUTE FUNCTION payments_check_fraud();

-- Born clear (where nothing is scored) or waiting for its score; nobody has found anything yet.
ALTER TABLE payments ADD CONSTRAINT payments_fraud_unknown_at_birth CHECK (
    version > 1 OR (fraud_gate <> 'review_required' AND fraud_status IS NULL AND fraud_case_id IS NULL));

-- Planned as those of 0014: checks only go by indexes, row for row, and once.
DO $$
DECLARE check_function text;
BEGIN
    FOREACH check_function IN ARRAY ARRAY['fraud_scores_check_insert()', 'fraud_cases_check_payment()'] LOOP
        EXECUTE format('ALTER FUNCTION %s SET enable_seqscan = off SET enable_bitmapscan = off '
                       'SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off SET jit = off '
                       'SET plan_cache_mode = force_generic_plan', check_function);
    END LOOP;
END $$;

GRANT SELECT ON fraud_history, fraud_scores, fraud_cases TO vendorpay_app, vendorpay_readonly;
GRANT INSERT ON fraud_history, fraud_scores, fraud_cases TO vendorpay_app;
GRANT UPDATE (fraud_reasons, fraud_case_id) ON payments TO vendorpay_app;
GRANT UPDATE ON fraud_history TO vendorpay_app;
GRANT UPDATE (cause, status, assignee, assigned_at, decided_by, decided_at, reason_code, vendor_blocked,
              decision_audit_seq) ON fraud_cases TO vendorpay_app;
