-- Approval policies: documents, versioned, proposed by one person and activated by another; and the rule that one of them
-- chose for a payment, on the payment's own row, so that who must approve it is restated here from that row alone.

CREATE TABLE policies (
    policy_id    uuid        NOT NULL,
    org_id       text        NOT NULL,
    version      integer     NOT NULL,
    document     jsonb       NOT NULL,
    digest       text        NOT NULL,
    proposed_by  text        NOT NULL,
    proposed_at  timestamptz NOT NULL,
    activated_by text,
    activated_at timestamptz,
    audit_seq    integer     NOT NULL,
    audit_head   bytea       NOT NULL,
    event_seq    integer     NOT NULL,

    CONSTRAINT policies_pkey PRIMARY KEY (policy_id),
    CONSTRAINT policies_one_per_version UNIQUE (org_id, version),
    CONSTRAINT policies_id_dated CHECK (
        policy_id >= uuid7_floor(proposed_at) AND policy_id < uuid7_floor(proposed_at + interval '1 millisecond')),
    CONSTRAINT policies_version_positive CHECK (version >= 1),
    CONSTRAINT policies_document_has_rules CHECK (jsonb_typeof(document -> 'rules') = 'array'),
    CONSTRAINT policies_digest_is_sha256 CHECK (octet_length(digest) = 64 AND digest !~ '[^0-9a-f]'),
    CONSTRAINT policies_four_eyes CHECK (activated_by <> proposed_by),
    CONSTRAINT policies_activated_whole CHECK ((activated_by IS NULL) = (activated_at IS NULL)),
    CONSTRAINT policies_chain_begun CHECK (audit_seq >= 1 AND event_seq >= 1 AND octet_length(audit_head) = 32)
);

-- Which version applies; none where nothing was ever activated. A payment that is created looks here.
CREATE TABLE active_policies (
    org_id  text    NOT NULL,
    version integer NOT NULL,

    CONSTRAINT active_policies_pkey PRIMARY KEY (org_id),
    CONSTRAINT active_policies_policy_fkey FOREIGN KEY (org_id, version)
        REFERENCES policies (org_id, version) ON DELETE RESTRICT
);

CREATE FUNCTION policies_check_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - '{activated_by,activated_at,audit_seq,audit_head,event_seq}'::text[]
       IS DISTINCT FROM to_jsonb(OLD) - '{activated_by,activated_at,audit_seq,audit_head,event_seq}'::text[] THEN
        PERFORM refuse('policies_only_activated', 'what was proposed never changes');
    END IF;
    IF NEW.activated_by IS NULL OR NEW.activated_at IS NOT DISTINCT FROM OLD.activated_at THEN
        PERFORM refuse('policies_only_activated', 'a policy is activated, and nothing else happens to it');
    END IF;
    IF NEW.audit_seq <= OLD.audit_seq THEN
        PERFORM refuse('policies_change_is_audited', 'an activation leaves an audit entry');
    END IF;
    IF NEW.event_seq <= OLD.event_seq THEN
        PERFORM refuse('policies_change_is_published', 'an activation is published by an event');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER policies_check_update BEFORE UPDATE ON policies FOR EACH ROW EXECUTE FUNCTION policies_check_update();

-- What is proposed is not active; head and number are those of the record.
CREATE FUNCTION policies_check_change() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.activated_by IS NOT NULL THEN
        PERFORM refuse('policies_only_activated', 'a policy is proposed first');
    END IF;
    IF NOT EXISTS (SELECT FROM payment_audit_log a
                   WHERE a.subject_id = NEW.policy_id AND a.seq = NEW.audit_seq AND a.hash = NEW.audit_head
                         AND a.actor_id = coalesce(NEW.activated_by, NEW.proposed_by)) THEN
        PERFORM refuse('policies_change_is_audited', 'audit_seq and audit_head are those of that person''s audit entry');
    END IF;
    IF NOT EXISTS (SELECT FROM outbox o WHERE o.aggregate_id = NEW.policy_id AND o.sequence = NEW.event_seq) THEN
        PERFORM refuse('policies_change_is_published', 'event_seq is that of an event in the outbox');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER policies_check_change AFTER INSERT OR UPDATE ON policies
    FOR EACH ROW EXECUTE FUNCTION policies_check_change();

-- What applies is what somebody activates in this transaction, by the newest entry of its chain.
CREATE FUNCTION active_policies_check() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM policies p
                   JOIN payment_audit_log a ON a.subject_id = p.policy_id AND a.seq = p.audit_seq
                   WHERE p.org_id = NEW.org_id AND p.version = NEW.version AND a.action = 'policy_activated'
                         AND a.xid = pg_current_xact_id()) THEN
        PERFORM refuse('active_policies_activated', 'what applies is the version whose activation goes on record with it');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER active_policies_check AFTER INSERT OR UPDATE ON active_policies
    FOR EACH ROW EXECUTE FUNCTION active_policies_check();

-- The record's side, as for webhook endpoints (0007).
CREATE FUNCTION policies_check_entry() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE policy policies;
BEGIN
    SELECT * INTO policy FROM policies p WHERE p.policy_id = NEW.subject_id;
    IF NEW.subject_type <> 'policy' AND policy.policy_id IS NULL THEN
        RETURN NULL;
    END IF;
    IF NEW.subject_type <> 'policy' OR NEW.org_id IS DISTINCT FROM policy.org_id OR NEW.seq > policy.audit_seq THEN
        PERFORM refuse('policies_linked', 'the newest entry is the head in the policy''s row');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER policies_check_entry AFTER INSERT ON payment_audit_log
    FOR EACH ROW WHEN (NEW.subject_type <> 'payment') EXECUTE FUNCTION policies_check_entry();

CREATE FUNCTION policies_check_event() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE policy policies;
BEGIN
    SELECT * INTO policy FROM policies p WHERE p.policy_id = NEW.aggregate_id;
    IF NEW.aggregate_type <> 'policy' AND policy.policy_id IS NULL THEN
        RETURN NULL;
    END IF;
    IF NEW.aggregate_type <> 'policy' OR NEW.org_id IS DISTINCT FROM policy.org_id OR NEW.sequence > policy.event_seq THEN
        PERFORM refuse('outbox_dense', 'events are numbered without a gap, up to event_seq of their policy');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER policies_check_event AFTER INSERT ON outbox
    FOR EACH ROW WHEN (NEW.aggregate_type <> 'payment') EXECUTE FUNCTION policies_check_event();

CREATE TRIGGER refuse_delete BEFORE DELETE ON policies FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON policies FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_delete BEFORE DELETE ON active_policies FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON active_policies FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The rule of a payment (vendorpay.domain.approval_rule.ChosenRule); null where a plain number of approvals is asked for.
-- payee_changed_by: who changed the account that it is paid to, and so does not approve it.
ALTER TABLE payments
    ADD COLUMN approval_rule jsonb,
    ADD COLUMN escalate_at timestamptz,
    ADD COLUMN escalated_at timestamptz,
    ADD COLUMN payee_changed_by text;
ALTER TABLE payments
    ADD CONSTRAINT payments_rule_of_back_office CHECK (approval_rule IS NULL OR payer_type = 'back_office'),
    ADD CONSTRAINT payments_escalated_when_due CHECK (
        escalated_at IS NULL OR (escalate_at IS NOT NULL AND escalated_at >= escalate_at)),
    ADD CONSTRAINT payments_four_eyes_of_payee_changer CHECK (approved_by <> payee_changed_by);
CREATE INDEX idx_payments_escalate ON payments (escalate_at)
    WHERE escalate_at IS NOT NULL AND escalated_at IS NULL AND status = 'pending_approval';

-- Whose name an approval is given in, when somebody acts for another (0020).
ALTER TABLE approvals
    ADD COLUMN on_behalf_of text,
    ADD CONSTRAINT approvals_four_eyes_of_principal CHECK (on_behalf_of <> created_by AND on_behalf_of <> approver_id);

-- As in 0003; but a rule's number follows its approvals (it is what they lack, and them), and what it may be is checked
-- against the rule (payments_check_rule).
CREATE OR REPLACE FUNCTION payments_check_update() RETURNS trigger LANGUAGE plpgsql AS $$
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
    IF NEW.required_approvals < OLD.required_approvals AND OLD.approval_rule IS NULL
       AND NEW.content_version = OLD.content_version THEN
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

-- What the content was approved under stays with it: another rule comes with new content alone, an escalation once.
CREATE FUNCTION payments_check_rule_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.content_version <> OLD.content_version THEN
        RETURN NEW;
    END IF;
    IF NEW.approval_rule IS DISTINCT FROM OLD.approval_rule OR NEW.escalate_at IS DISTINCT FROM OLD.escalate_at THEN
        PERFORM refuse('payments_rule_kept', 'another rule comes with new content alone');
    END IF;
    IF OLD.escalated_at IS NOT NULL THEN
        PERFORM refuse('payments_rule_kept', 'what was escalated stays so');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payments_check_rule_kept BEFORE UPDATE ON payments FOR EACH ROW
    WHEN (NEW.approval_rule IS DISTINCT FROM OLD.approval_rule OR NEW.escalate_at IS DISTINCT FROM OLD.escalate_at
          OR NEW.escalated_at IS DISTINCT FROM OLD.escalated_at)
    EXECUTE FUNCTION payments_check_rule_kept();

-- How many approvals a list of steps lacks. `seatings` has a number for each approval, whose bit n says that it may
-- count for step n. By Hall's theorem, as many seats stay empty as the steps of the worst choice among them have more
-- seats than people who fit one of these; vendorpay.domain.approval seats the people one by one.
CREATE FUNCTION approval_seats_open(steps jsonb, seatings integer[]) RETURNS integer
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    quorums integer[] := ARRAY(SELECT coalesce((s.step ->> 'quorum')::integer, 1)
                               FROM jsonb_array_elements(steps) WITH ORDINALITY AS s (step, n) ORDER BY s.n);
    worst integer := 0;
    seats integer;
    seating integer;
BEGIN
    FOR chosen IN 1 .. (1 << cardinality(quorums)) - 1 LOOP
        seats := 0;
        FOR n IN 1 .. cardinality(quorums) LOOP
            IF chosen & (1 << (n - 1)) <> 0 THEN
                seats := seats + quorums[n];
            END IF;
        END LOOP;
        FOREACH seating IN ARRAY seatings LOOP
            IF seating & chosen <> 0 THEN
                seats := seats - 1;
            END IF;
        END LOOP;
        worst := greatest(worst, seats);
    END LOOP;
    RETURN worst;
END $$;

-- Whether a role may do what another may: an admin stands in for a dispatcher.
CREATE FUNCTION approval_role_fits(held text, wanted text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE wanted WHEN 'dispatcher' THEN held IN ('dispatcher', 'admin') WHEN 'admin' THEN held = 'admin'
                       ELSE false END;

-- Whether the valid approvals of a payment satisfy its rule: one of its alternatives lacks nobody.
CREATE FUNCTION approval_rule_satisfied(payment payments) RETURNS boolean
    LANGUAGE plpgsql STABLE SET search_path = public, pg_temp
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    rule jsonb := coalesce(payment.approval_rule #> ARRAY['byFraudStatus', payment.fraud_status], payment.approval_rule);
    stand_in text := rule #>> '{escalation,role}';
    steps jsonb;
    seatings integer[];
BEGIN
    FOR steps IN SELECT a.value FROM jsonb_array_elements(rule -> 'anyOf') AS a LOOP
        seatings := ARRAY(
            SELECT coalesce((SELECT bit_or(1 << (s.n - 1)::integer)
                             FROM jsonb_array_elements(steps) WITH ORDINALITY AS s (step, n)
                             WHERE s.step -> 'people' ? coalesce(a.on_behalf_of, a.approver_id)
                                   OR approval_role_fits(a.approver_role, s.step ->> 'role')
                                   OR (stand_in IS NOT NULL AND a.approved_at >= payment.escalated_at
                                       AND approval_role_fits(a.approver_role, stand_in))), 0)
            FROM approvals a
            WHERE a.payment_id = payment.payment_id AND a.content_version = payment.content_version
                  AND a.voided_at IS NULL);
        IF approval_seats_open(steps, seatings) = 0 THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END $$;

-- By row, and only where status, approvals or rule change: what has no rule, and every other update, pays nothing.
CREATE FUNCTION payments_check_rule() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF approval_rule_satisfied(NEW) THEN
        IF NEW.status = 'pending_approval' THEN
            PERFORM refuse('payments_rule_lacks_approvals', 'what has all the approvals of its rule is approved');
        END IF;
    ELSIF NEW.status = 'approved' THEN
        PERFORM refuse('payments_rule_satisfied', 'a payment is approved by the people that its rule asks for');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payments_check_rule AFTER UPDATE ON payments FOR EACH ROW
    WHEN (NEW.approval_rule IS NOT NULL AND NEW.status IN ('pending_approval', 'approved')
          AND (NEW.status <> OLD.status OR NEW.approvals_valid <> OLD.approvals_valid
               OR NEW.content_version <> OLD.content_version))
    EXECUTE FUNCTION payments_check_rule();

-- As in 0014; and whoever edited the content or changed the payee's account has nobody approve in their name either, nor
-- do two approvals stand for one person.
CREATE OR REPLACE FUNCTION approvals_check_count() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET enable_material = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    ids uuid[];
    not_counted boolean; twice boolean; voided boolean; not_waiting boolean; other_content boolean; on_record boolean;
    own boolean;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(n.payment_id ORDER BY n.payment_id) INTO ids FROM new_rows n;
    END IF;
    SELECT bool_or(p.approvals_valid <> v.valid), bool_or(v.valid <> v.people),
           bool_or(n.voided_at IS NOT NULL), bool_or(p.status NOT IN ('pending_approval', 'approved')),
           bool_or((n.content_version, n.digest) <> (p.content_version, p.digest)),
           bool_and(a.seq IS NOT NULL),
           bool_or(p.edited_by IN (n.approver_id, n.on_behalf_of)
                   OR p.payee_changed_by IN (n.approver_id, n.on_behalf_of))
    INTO not_counted, twice, voided, not_waiting, other_content, on_record, own
    FROM new_rows n
    LEFT JOIN payments p ON p.payment_id = n.payment_id
    LEFT JOIN payment_audit_log a ON a.subject_id = n.payment_id AND a.seq = n.audit_seq AND a.actor_id = n.approver_id
                                     AND a.subject_id BETWEEN ids[1] AND ids[cardinality(ids)]
    LEFT JOIN LATERAL (
        SELECT count(*) AS valid, count(DISTINCT coalesce(g.on_behalf_of, g.approver_id)) AS people
        FROM approvals g WHERE g.payment_id = p.payment_id AND g.voided_at IS NULL) v ON true;
    IF not_counted THEN
        PERFORM refuse('payments_approvals_counted', 'approvals_valid counts the approvals that are not voided');
    ELSIF TG_OP = 'UPDATE' THEN
        RETURN NULL;
    ELSIF voided THEN
        PERFORM refuse('approvals_only_voided', 'an approval is valid when it is given');
    ELSIF not_waiting THEN
        PERFORM refuse('approvals_only_while_pending', 'only a payment that waits takes an approval');
    ELSIF other_content THEN
        PERFORM refuse('approvals_sign_content', 'an approval signs the payment''s present content');
    ELSIF NOT on_record THEN
        PERFORM refuse('approvals_on_record', 'audit_seq is that of the approver''s own audit entry');
    ELSIF own THEN
        PERFORM refuse('approvals_four_eyes', 'whoever edited the content or changed the account cannot approve it');
    ELSIF twice THEN
        PERFORM refuse('approvals_one_valid_per_person', 'one person approves once, whoever acts for them');
    END IF;
    RETURN NULL;
END $$;

GRANT SELECT ON policies, active_policies TO vendorpay_app, vendorpay_readonly;
GRANT INSERT ON policies, active_policies TO vendorpay_app;
GRANT UPDATE (activated_by, activated_at, audit_seq, audit_head, event_seq) ON policies TO vendorpay_app;
GRANT UPDATE (version) ON active_policies TO vendorpay_app;
GRANT UPDATE (approval_rule, escalate_at, escalated_at, payee_changed_by) ON payments TO vendorpay_app;
