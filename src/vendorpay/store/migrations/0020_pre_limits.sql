-- Delegations: for a period one person approves in another's name, with the other's role; and cumulative limits, whose
-- rows (0001) are counted up with each approval, so that no two approvals can both be the last that fits.

CREATE TABLE delegations (
    delegation_id  uuid        NOT NULL,
    org_id         text        NOT NULL,
    delegator_id   text        NOT NULL,
    delegator_role text        NOT NULL,
    delegate_id    text        NOT NULL,
    starts_at      timestamptz NOT NULL,
    ends_at        timestamptz NOT NULL,
    created_at     timestamptz NOT NULL,
    ended_at       timestamptz,
    ended_by       text,
    digest         text        NOT NULL,
    audit_seq      integer     NOT NULL,
    audit_head     bytea       NOT NULL,
    event_seq      integer     NOT NULL,

    CONSTRAINT delegations_pkey PRIMARY KEY (delegation_id),
    CONSTRAINT delegations_id_dated CHECK (
        delegation_id >= uuid7_floor(created_at) AND delegation_id < uuid7_floor(created_at + interval '1 millisecond')),
    CONSTRAINT delegations_to_another CHECK (delegator_id <> delegate_id),
    CONSTRAINT delegations_role_approves CHECK (delegator_role IN ('dispatcher', 'admin')),
    CONSTRAINT delegations_period_limited CHECK (
        ends_at > starts_at AND ends_at > created_at AND ends_at <= starts_at + interval '90 days'),
    CONSTRAINT delegations_ended_whole CHECK ((ended_at IS NULL) = (ended_by IS NULL)),
    CONSTRAINT delegations_digest_is_sha256 CHECK (octet_length(digest) = 64 AND digest !~ '[^0-9a-f]'),
    CONSTRAINT delegations_chain_begun CHECK (audit_seq >= 1 AND event_seq >= 1 AND octet_length(audit_head) = 32)
);
CREATE INDEX idx_delegations_org ON delegations (org_id, delegation_id);
CREATE INDEX idx_delegations_delegate ON delegations (org_id, delegate_id, delegator_id) WHERE ended_at IS NULL;

CREATE FUNCTION delegations_check_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL OR NEW.ended_at IS NULL
       OR to_jsonb(NEW) - '{ended_at,ended_by,audit_seq,audit_head,event_seq}'::text[]
          IS DISTINCT FROM to_jsonb(OLD) - '{ended_at,ended_by,audit_seq,audit_head,event_seq}'::text[] THEN
        PERFORM refuse('delegations_only_ended', 'a delegation can only be ended, and only once');
    END IF;
    IF NEW.audit_seq <= OLD.audit_seq THEN
        PERFORM refuse('delegations_change_is_audited', 'an end leaves an audit entry');
    END IF;
    IF NEW.event_seq <= OLD.event_seq THEN
        PERFORM refuse('delegations_change_is_published', 'an end is published by an event');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER delegations_check_update BEFORE UPDATE ON delegations
    FOR EACH ROW EXECUTE FUNCTION delegations_check_update();

CREATE FUNCTION delegations_check_change() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.ended_at IS NOT NULL THEN
        PERFORM refuse('delegations_only_ended', 'a delegation is open when it is given');
    END IF;
    IF NOT EXISTS (SELECT FROM payment_audit_log a
                   WHERE a.subject_id = NEW.delegation_id AND a.seq = NEW.audit_seq AND a.hash = NEW.audit_head
                         AND a.actor_id = coalesce(NEW.ended_by, NEW.delegator_id)) THEN
        PERFORM refuse('delegations_change_is_audited', 'audit_seq and audit_head are those of that person''s entry');
    END IF;
    IF NOT EXISTS (SELECT FROM outbox o WHERE o.aggregate_id = NEW.delegation_id AND o.sequence = NEW.event_seq) THEN
        PERFORM refuse('delegations_change_is_published', 'event_seq is that of an event in the outbox');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER delegations_check_change AFTER INSERT OR UPDATE ON delegations
    FOR EACH ROW EXECUTE FUNCTION delegations_check_change();

-- The record's side, as for policies (0019).
CREATE FUNCTION delegations_check_entry() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE given delegations;
BEGIN
    SELECT * INTO given FROM delegations d WHERE d.delegation_id = NEW.subject_id;
    IF NEW.subject_type <> 'delegation' AND given.delegation_id IS NULL THEN
        RETURN NULL;
    END IF;
    IF NEW.subject_type <> 'delegation' OR NEW.org_id IS DISTINCT FROM given.org_id OR NEW.seq > given.audit_seq THEN
        PERFORM refuse('delegations_linked', 'the newest entry is the head in the delegation''s row');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER delegations_check_entry AFTER INSERT ON payment_audit_log
    FOR EACH ROW WHEN (NEW.subject_type <> 'payment') EXECUTE FUNCTION delegations_check_entry();

CREATE FUNCTION delegations_check_event() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE given delegations;
BEGIN
    SELECT * INTO given FROM delegations d WHERE d.delegation_id = NEW.aggregate_id;
    IF NEW.aggregate_type <> 'delegation' AND given.delegation_id IS NULL THEN
        RETURN NULL;
    END IF;
    IF NEW.aggregate_type <> 'delegation' OR NEW.org_id IS DISTINCT FROM given.org_id
       OR NEW.sequence > given.event_seq THEN
        PERFORM refuse('outbox_dense', 'events are numbered without a gap, up to event_seq of their delegation');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER delegations_check_event AFTER INSERT ON outbox
    FOR EACH ROW WHEN (NEW.aggregate_type <> 'payment') EXECUTE FUNCTION delegations_check_event();

CREATE TRIGGER refuse_delete BEFORE DELETE ON delegations FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON delegations FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Whoever approves in another's name has been given that name, and its role, for that moment.
CREATE FUNCTION approvals_check_delegation() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM delegations d
                   WHERE d.org_id = NEW.org_id AND d.delegate_id = NEW.approver_id AND d.ended_at IS NULL
                         AND d.delegator_id = NEW.on_behalf_of AND d.delegator_role = NEW.approver_role
                         AND NEW.approved_at >= d.starts_at AND NEW.approved_at < d.ends_at) THEN
        PERFORM refuse('approvals_delegated', 'who approves in another''s name has an open delegation of theirs');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER approvals_check_delegation AFTER INSERT ON approvals
    FOR EACH ROW WHEN (NEW.on_behalf_of IS NOT NULL) EXECUTE FUNCTION approvals_check_delegation();

GRANT SELECT ON delegations TO vendorpay_app, vendorpay_readonly;
GRANT INSERT ON delegations TO vendorpay_app;
GRANT UPDATE (ended_at, ended_by, audit_seq, audit_head, event_seq) ON delegations TO vendorpay_app;

-- A limit may be another with the next policy.
GRANT UPDATE (max_cents) ON limit_usage TO vendorpay_app;

-- Payments that their rule lets nobody's yes be enough for, as soon as score and holds allow; a timer looks here.
CREATE INDEX idx_payments_automatic ON payments (payment_id)
    WHERE status = 'pending_approval' AND approval_rule ? 'automatic';
