-- What one program, or one person alone, could still do to the gate: raise a limit or forget what it counted, bear a
-- payment under a rule of its own making, give an approval a role that nobody had, go back to an older policy, trust a
-- vendor. Here the database does, or checks, each of them itself.

-- Limits are counted by the database: `limit_usage` is written by nobody else. What each approval took is kept, so that
-- exactly that is given back when it is voided, whatever rule the payment has by then.
CREATE TABLE limit_takings (
    approval_id  uuid   NOT NULL,
    org_id       text   NOT NULL,
    payment_id   uuid   NOT NULL,
    subject_type text   NOT NULL,
    subject_id   text   NOT NULL,
    currency     text   NOT NULL,
    period       text   NOT NULL,
    period_start date   NOT NULL,
    amount_cents bigint NOT NULL,
    max_cents    bigint NOT NULL,
    returned_at  timestamptz,

    CONSTRAINT limit_takings_pkey PRIMARY KEY (approval_id, subject_type, period),
    CONSTRAINT limit_takings_approval_fkey FOREIGN KEY (approval_id)
        REFERENCES approvals (approval_id) ON DELETE RESTRICT,
    CONSTRAINT limit_takings_amount_positive CHECK (amount_cents > 0)
);
CREATE INDEX idx_limit_takings_payment ON limit_takings (payment_id) WHERE returned_at IS NULL;
CREATE TRIGGER refuse_delete BEFORE DELETE ON limit_takings FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON limit_takings FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What approvals take by the limits of their payments' rules: of the approver's with each of them, of the vendor's with
-- the one that approves the payment. As vendorpay.domain.limits says it.
CREATE VIEW limits_of_approvals AS
    SELECT a.approval_id, a.org_id, a.payment_id, l.per AS subject_type,
           CASE l.per WHEN 'vendor' THEN p.vendor_id::text ELSE a.approver_id END AS subject_id, l.currency, l.period,
           date_trunc(l.period, CASE l.per WHEN 'vendor' THEN p.approved_at ELSE a.approved_at END
                                AT TIME ZONE 'UTC')::date AS period_start,
           p.amount_cents, l."maxAmountCents" AS max_cents
    FROM approvals a JOIN payments p ON p.org_id = a.org_id AND p.payment_id = a.payment_id
    CROSS JOIN LATERAL jsonb_to_recordset(p.approval_rule -> 'limits')
                       AS l (per text, period text, currency text, "maxAmountCents" bigint)
    WHERE a.voided_at IS NULL AND a.content_version = p.content_version
          AND (l.per = 'approver' OR (p.status IN ('approved', 'processing', 'completed', 'failed', 'reversed')
                                      AND p.approved_by = a.approver_id));

-- The rows are locked in their order; what does not fit is refused by limit_usage_within_max.
CREATE FUNCTION limits_take(given uuid[]) RETURNS void LANGUAGE sql SET search_path = public, pg_temp AS $$
    WITH taken AS (
        INSERT INTO limit_takings (
            approval_id, org_id, payment_id, subject_type, subject_id, currency, period, period_start, amount_cents,
            max_cents)
        SELECT l.approval_id, l.org_id, l.payment_id, l.subject_type, l.subject_id, l.currency, l.period,
               l.period_start, l.amount_cents, l.max_cents
        FROM limits_of_approvals l WHERE l.approval_id = ANY (given)
        RETURNING *)
    INSERT INTO limit_usage (org_id, subject_type, subject_id, currency, period, period_start, used_cents, max_cents)
    SELECT t.org_id, t.subject_type, t.subject_id, t.currency, t.period, t.period_start, sum(t.amount_cents),
           min(t.max_cents)
    FROM taken t
    GROUP BY t.org_id, t.subject_type, t.subject_id, t.currency, t.period, t.period_start
    ORDER BY t.org_id, t.subject_type, t.subject_id, t.currency, t.period, t.period_start
    ON CONFLICT (org_id, subject_type, subject_id, currency, period, period_start) DO UPDATE SET
        used_cents = limit_usage.used_cents + excluded.used_cents, max_cents = excluded.max_cents
$$;

-- Of a payment that is sent back the vendor's part is given back too, whichever of its approvals is voided; of one that
-- stays approved by others it is not.
CREATE FUNCTION limits_return(voided uuid[]) RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    payment_ids uuid[] := ARRAY(SELECT a.payment_id FROM approvals a WHERE a.approval_id = ANY (voided));
BEGIN
    IF NOT EXISTS (SELECT FROM limit_takings t WHERE t.payment_id = ANY (payment_ids) AND t.returned_at IS NULL) THEN
        RETURN;
    END IF;
    PERFORM FROM limit_usage u
    WHERE (u.org_id, u.subject_type, u.subject_id, u.currency, u.period, u.period_start) IN (
        SELECT t.org_id, t.subject_type, t.subject_id, t.currency, t.period, t.period_start FROM limit_takings t
        WHERE t.payment_id = ANY (payment_ids) AND t.returned_at IS NULL)
    ORDER BY u.org_id, u.subject_type, u.subject_id, u.currency, u.period, u.period_start
    FOR NO KEY UPDATE OF u;
    WITH returned AS (
        UPDATE limit_takings t SET returned_at = now()
        WHERE t.payment_id = ANY (payment_ids) AND t.returned_at IS NULL
              AND CASE t.subject_type
                  WHEN 'vendor' THEN (SELECT p.status FROM payments p WHERE p.payment_id = t.payment_id)
                                     NOT IN ('approved', 'processing', 'completed', 'failed', 'reversed')
                  ELSE t.approval_id = ANY (voided) END
        RETURNING *)
    UPDATE limit_usage u SET used_cents = u.used_cents - r.amount_cents
    FROM (SELECT t.org_id, t.subject_type, t.subject_id, t.currency, t.period, t.period_start,
                 sum(t.amount_cents) AS amount_cents
          FROM returned t
          GROUP BY t.org_id, t.subject_type, t.subject_id, t.currency, t.period, t.period_start) r
    WHERE u.org_id = r.org_id AND u.subject_type = r.subject_type AND u.subject_id = r.subject_id
          AND u.currency = r.currency AND u.period = r.period AND u.period_start = r.period_start;
END $$;
REVOKE EXECUTE ON FUNCTION limits_take(uuid[]), limits_return(uuid[]) FROM PUBLIC;

-- A version of the service that is not gone yet counts as well; what it writes comes to nothing. (When it is gone, its
-- rights go too: a migration of the post phase.)
CREATE FUNCTION limit_usage_of_owner() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_user <> (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = TG_RELID) THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER limit_usage_of_owner BEFORE INSERT OR UPDATE ON limit_usage
    FOR EACH ROW EXECUTE FUNCTION limit_usage_of_owner();

-- As in 0019, and: an approval has the role and the hour of its entry, and a payment with limits the person and the hour
-- of the approval that it was approved by; with it, limits are counted. It counts with the owner's rights, for the service
-- has none on the rows of limits.
CREATE OR REPLACE FUNCTION approvals_check_count() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET enable_material = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    ids uuid[];
    not_counted boolean; twice boolean; voided boolean; not_waiting boolean; other_content boolean; on_record boolean;
    own boolean; of_entry boolean; limited boolean;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(n.payment_id ORDER BY n.payment_id) INTO ids FROM new_rows n;
    END IF;
    SELECT bool_or(p.approvals_valid <> v.valid), bool_or(v.valid <> v.people),
           bool_or(n.voided_at IS NOT NULL), bool_or(p.status NOT IN ('pending_approval', 'approved')),
           bool_or((n.content_version, n.digest) <> (p.content_version, p.digest)),
           bool_and(a.seq IS NOT NULL),
           bool_or(p.edited_by IN (n.approver_id, n.on_behalf_of)
                   OR p.payee_changed_by IN (n.approver_id, n.on_behalf_of)),
           bool_and(a."timestamp" = n.approved_at
                    -- Whoever acts for another has that one's role (approvals_delegated).
                    AND (n.on_behalf_of IS NOT NULL
                         OR a.actor_type = CASE n.approver_role WHEN 'admin' THEN 'admin' WHEN 'service' THEN 'system'
                                                                ELSE 'user' END)
                    -- And what limits are counted by is approved by this approval, at its hour.
                    AND (p.status <> 'approved' OR (p.approval_rule ? 'limits') IS NOT TRUE
                         OR (p.approved_by, p.approved_at) = (n.approver_id, n.approved_at))),
           bool_or(p.approval_rule ? 'limits')
    INTO not_counted, twice, voided, not_waiting, other_content, on_record, own, of_entry, limited
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
        PERFORM limits_return(ARRAY(SELECT n.approval_id FROM new_rows n WHERE n.voided_at IS NOT NULL));
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
    ELSIF NOT of_entry THEN
        PERFORM refuse('approvals_as_on_record', 'role, hour and person of an approval are those of its entry');
    ELSIF limited THEN
        PERFORM limits_take(ARRAY(SELECT n.approval_id FROM new_rows n));
    END IF;
    RETURN NULL;
END $$;

-- What approvals of this week took before. (New ones wait: no approval is written while this runs.)
LOCK TABLE approvals IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO limit_takings (
    approval_id, org_id, payment_id, subject_type, subject_id, currency, period, period_start, amount_cents, max_cents)
SELECT l.approval_id, l.org_id, l.payment_id, l.subject_type, l.subject_id, l.currency, l.period, l.period_start,
       l.amount_cents, l.max_cents
FROM limits_of_approvals l
WHERE l.payment_id IN (SELECT p.payment_id FROM payments p
                       WHERE p.approval_rule ? 'limits' AND p.updated_at >= now() - interval '8 days');

-- The rule of a payment is that which the policy that applies has for it. vendorpay.domain.policy.choose says the same.

-- The default policy (version 0), where none was activated, as rules have it; vendorpay.domain.policy.DEFAULT.
CREATE FUNCTION default_approval_rule(currency text, amount_cents bigint) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN currency = 'USD' AND amount_cents <= 100000 THEN
            '{"version": 0, "rule": "up to 1,000.00", "effect": "approvals", "anyOf": [[{"role": "dispatcher"}]]}'::jsonb
        WHEN currency = 'USD' AND amount_cents <= 1000000 THEN
            '{"version": 0, "rule": "up to 10,000.00", "effect": "approvals",
              "anyOf": [[{"role": "dispatcher", "quorum": 2}], [{"role": "admin"}]]}'::jsonb
        ELSE '{"version": 0, "rule": "above, or in another currency", "effect": "approvals",
               "anyOf": [[{"role": "admin"}, {"role": "dispatcher"}]]}'::jsonb END;

-- Whether a payment meets what a rule's `when` says, for a fraud status; null where only the service can tell, which
-- knows more of letters that are not ASCII.
CREATE FUNCTION policy_rule_fits(wanted jsonb, p payments, source text, vendor_is_new boolean, fraud text)
    RETURNS boolean LANGUAGE sql IMMUTABLE
    RETURN (wanted -> 'minAmountCents' IS NULL OR p.amount_cents >= (wanted ->> 'minAmountCents')::bigint)
       AND (wanted -> 'maxAmountCents' IS NULL OR p.amount_cents <= (wanted ->> 'maxAmountCents')::bigint)
       AND (wanted -> 'currencies' IS NULL OR wanted -> 'currencies' ? p.currency)
       AND (wanted -> 'payerTypes' IS NULL OR wanted -> 'payerTypes' ? p.payer_type)
       AND (wanted -> 'vendors' IS NULL OR wanted -> 'vendors' ? p.vendor_id::text)
       AND (wanted -> 'vendorIsNew' IS NULL OR (wanted -> 'vendorIsNew')::boolean = coalesce(vendor_is_new, true))
       AND (wanted -> 'sources' IS NULL OR wanted -> 'sources' ? source)
       AND (wanted -> 'fraudStatuses' IS NULL OR wanted -> 'fraudStatuses' ? fraud)
       AND (wanted -> 'creators' IS NULL OR wanted -> 'creators' ? p.created_by)
       AND (wanted -> 'serviceTypes' IS NULL
            OR CASE WHEN jsonb_typeof(p.metadata -> 'serviceType') IS DISTINCT FROM 'string' THEN false
                    WHEN (p.metadata ->> 'serviceType') || (wanted ->> 'serviceTypes') ~ '[^\x01-\x7f]' THEN NULL
                    ELSE lower(wanted ->> 'serviceTypes')::jsonb ? lower(p.metadata ->> 'serviceType') END);

-- What the document asks for a payment with that fraud status: the first rule that it meets. More than one where only
-- the service can tell.
CREATE FUNCTION policy_demands(document jsonb, p payments, source text, vendor_is_new boolean, fraud text)
    RETURNS SETOF jsonb LANGUAGE plpgsql IMMUTABLE SET search_path = public, pg_temp AS $$
DECLARE
    one jsonb;
    fits boolean;
BEGIN
    FOR one IN SELECT r.value FROM jsonb_array_elements(document -> 'rules') AS r LOOP
        fits := policy_rule_fits(coalesce(one -> 'when', '{}'), p, source, vendor_is_new, fraud);
        IF fits IS NOT FALSE THEN
            RETURN NEXT jsonb_strip_nulls(jsonb_build_object(
                'rule', one -> 'name', 'effect', coalesce(one -> 'effect', '"approvals"'),
                'anyOf', CASE one ->> 'effect' WHEN 'auto_approve' THEN
                             '[[{"people": ["system:policy"]}], [{"role": "dispatcher"}]]'::jsonb
                         ELSE one -> 'anyOf' END,
                'escalation', one -> 'escalation'));
        END IF;
        IF fits THEN
            RETURN;
        END IF;
    END LOOP;
END $$;

-- Whether a rule is what the document has for the payment. How it came, and what was known of its vendor, the rule says.
CREATE FUNCTION approval_rule_chosen(rule jsonb, document jsonb, p payments) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE SET search_path = public, pg_temp AS $$
DECLARE
    source text := rule ->> 'source';
    vendor_is_new boolean := (rule -> 'vendorIsNew')::boolean;
    base jsonb := rule - '{version,source,vendorIsNew,limits,byFraudStatus,automatic}'::text[];
    status text;
BEGIN
    IF base NOT IN (SELECT policy_demands(document, p, source, vendor_is_new, 'unknown'))
       OR rule -> 'limits' IS DISTINCT FROM (
           SELECT jsonb_agg(l.value ORDER BY l.n) FROM jsonb_array_elements(document -> 'limits') WITH ORDINALITY AS l (value, n)
           WHERE l.value ->> 'currency' = p.currency)
       OR coalesce((rule -> 'automatic')::boolean, false) <> EXISTS (
           SELECT FROM (SELECT base UNION ALL SELECT b.value FROM jsonb_each(rule -> 'byFraudStatus') AS b) AS d (demand)
           WHERE d.demand ->> 'effect' = 'auto_approve') THEN
        RETURN false;
    END IF;
    IF NOT jsonb_path_exists(document, '$.rules[*].when.fraudStatuses') THEN
        RETURN rule -> 'byFraudStatus' IS NULL;
    END IF;
    FOREACH status IN ARRAY ARRAY['low_risk', 'medium_risk', 'high_risk', 'flagged'] LOOP
        IF coalesce(rule #> ARRAY['byFraudStatus', status], base) NOT IN (
               SELECT policy_demands(document, p, source, vendor_is_new, status)) THEN
            RETURN false;
        END IF;
    END LOOP;
    RETURN true;
END $$;

-- The same against the policy that applies by now; `before` is the rule of the content before, null at birth.
CREATE FUNCTION approval_rule_applies(p payments, before jsonb) RETURNS boolean
    LANGUAGE plpgsql STABLE SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off AS $$
DECLARE applied policies;
BEGIN
    SELECT d.* INTO applied FROM active_policies v JOIN policies d ON d.org_id = v.org_id AND d.version = v.version
    WHERE v.org_id = p.org_id;
    IF applied.policy_id IS NULL THEN
        RETURN p.approval_rule - '{source,vendorIsNew}'::text[] = default_approval_rule(p.currency, p.amount_cents);
    END IF;
    -- Whoever is said to be no new vendor was approved before.
    RETURN p.approval_rule -> 'version' = to_jsonb(applied.version)
       AND (p.approval_rule -> 'vendorIsNew' IS DISTINCT FROM 'false'
            OR (before -> 'vendorIsNew' = 'false') IS TRUE
            OR EXISTS (SELECT FROM payments o WHERE o.org_id = p.org_id AND o.vendor_id = p.vendor_id
                       AND o.status IN ('approved', 'processing', 'completed', 'failed', 'reversed')))
       AND approval_rule_chosen(p.approval_rule, applied.document, p);
END $$;

-- As in 0014, and: a rule is that of the policy that applies. Under the default policy, which most have, that is looked
-- up in the same look.
CREATE OR REPLACE FUNCTION payments_check_birth() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET enable_material = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    ids uuid[];
    not_born boolean; not_audited boolean; not_published boolean; not_summed boolean; not_default boolean;
    by_policy boolean;
BEGIN
    SELECT array_agg(n.payment_id ORDER BY n.payment_id),
           bool_or(n.status <> 'pending_approval' OR n.version <> 1 OR n.content_version <> 1 OR n.approvals_valid <> 0
                   OR n.approved_by IS NOT NULL OR n.approved_at IS NOT NULL)
    INTO ids, not_born FROM new_rows n;
    SELECT bool_or((a.hash = n.audit_head) IS NOT TRUE), bool_or(o.aggregate_id IS NULL),
           bool_or(s.lines <> n.line_count OR s.total IS DISTINCT FROM n.amount_cents),
           bool_or(v.version IS NULL AND n.approval_rule - '{source,vendorIsNew}'::text[]
                                         <> default_approval_rule(n.currency, n.amount_cents)),
           bool_or(v.version IS NOT NULL AND n.approval_rule IS NOT NULL)
    INTO not_audited, not_published, not_summed, not_default, by_policy
    FROM new_rows n
    LEFT JOIN payment_audit_log a ON a.subject_id = n.payment_id AND a.seq = n.audit_seq
                                     AND a.subject_id BETWEEN ids[1] AND ids[cardinality(ids)]
    LEFT JOIN outbox o ON o.aggregate_id = n.payment_id AND o.sequence = n.event_seq
                          AND o.aggregate_id BETWEEN ids[1] AND ids[cardinality(ids)]
    LEFT JOIN active_policies v ON v.org_id = n.org_id
    LEFT JOIN LATERAL (
        SELECT count(*) AS lines, sum(l.total_cents) AS total FROM payment_line_items l
        WHERE l.payment_id = n.payment_id AND l.content_version = n.content_version) s ON true;
    IF not_born THEN
        PERFORM refuse('payments_born_pending', 'a payment begins as pending_approval, version 1, with no approvals');
    ELSIF not_audited THEN
        PERFORM refuse('payments_change_is_audited', 'audit_seq and audit_head are those of an audit entry');
    ELSIF not_published THEN
        PERFORM refuse('payments_change_is_published', 'event_seq is that of an event in the outbox');
    ELSIF not_summed THEN
        PERFORM refuse('payments_line_sum', 'amount_cents and line_count are those of the line items');
    ELSIF not_default OR (by_policy AND EXISTS (
              SELECT FROM new_rows n JOIN payments p ON p.payment_id = n.payment_id
              WHERE p.approval_rule IS NOT NULL AND approval_rule_applies(p, NULL) IS NOT TRUE)) THEN
        PERFORM refuse('payments_rule_of_policy', 'the rule of a payment is that of the policy that applies');
    END IF;
    RETURN NULL;
END $$;

-- And so is that of new content; how the payment came stays as it was.
CREATE FUNCTION payments_check_rule_anew() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.approval_rule ->> 'source' IS DISTINCT FROM coalesce(OLD.approval_rule ->> 'source', 'api')
       OR approval_rule_applies(NEW, OLD.approval_rule) IS NOT TRUE THEN
        PERFORM refuse('payments_rule_of_policy', 'the rule of a payment is that of the policy that applies');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payments_check_rule_anew AFTER UPDATE OF content_version ON payments FOR EACH ROW
    WHEN (NEW.content_version <> OLD.content_version AND NEW.approval_rule IS NOT NULL)
    EXECUTE FUNCTION payments_check_rule_anew();

-- What applies only goes forward: a version is activated once, and none that is older than the one that applies. Whoever
-- wants an older one back proposes it anew, and a second person agrees anew; so nobody alone goes to and fro.
CREATE FUNCTION policies_check_forward() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.activated_at IS NOT NULL THEN
        PERFORM refuse('policies_go_forward', 'a version that another has followed is proposed anew');
    ELSIF NOT EXISTS (SELECT FROM active_policies v WHERE v.org_id = NEW.org_id AND v.version = NEW.version) THEN
        PERFORM refuse('policies_activated_apply', 'a version that is activated is the one that applies');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER policies_check_forward AFTER UPDATE ON policies
    FOR EACH ROW EXECUTE FUNCTION policies_check_forward();

CREATE FUNCTION active_policies_check_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.version <= OLD.version OR NEW.org_id <> OLD.org_id THEN
        PERFORM refuse('policies_go_forward', 'a version that another has followed is proposed anew');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER active_policies_check_forward BEFORE UPDATE ON active_policies
    FOR EACH ROW EXECUTE FUNCTION active_policies_check_forward();

-- Listings and rule sets have an audit chain and events of their own, as policies have; and what lets the scorer say less
-- of a vendor needs a second person. Rows of before have no chain: a listing's begins with its next change, and trust or
-- a snooze of then counts when somebody confirms it.
ALTER TABLE fraud_listings
    ADD COLUMN confirmed_by text,
    ADD COLUMN confirmed_at timestamptz,
    ADD COLUMN digest       text,
    ADD COLUMN audit_seq    integer,
    ADD COLUMN audit_head   bytea,
    ADD COLUMN event_seq    integer;
ALTER TABLE fraud_listings
    ADD CONSTRAINT fraud_listings_four_eyes CHECK (confirmed_by <> listed_by),
    ADD CONSTRAINT fraud_listings_confirmed_whole CHECK ((confirmed_by IS NULL) = (confirmed_at IS NULL)),
    -- A block counts at once.
    ADD CONSTRAINT fraud_listings_confirmed_if_trust CHECK (kind <> 'block' OR confirmed_by IS NULL),
    ADD CONSTRAINT fraud_listings_chain_begun CHECK (
        audit_seq >= 1 AND event_seq >= 1 AND octet_length(audit_head) = 32
        AND octet_length(digest) = 64 AND digest !~ '[^0-9a-f]'),
    ADD CONSTRAINT fraud_listings_id_dated CHECK (
        listing_id >= uuid7_floor(listed_at) AND listing_id < uuid7_floor(listed_at + interval '1 millisecond'));

CREATE OR REPLACE FUNCTION fraud_listings_check_update() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    fixed text[] := '{ended_at,ended_by,confirmed_at,confirmed_by,digest,audit_seq,audit_head,event_seq}';
BEGIN
    IF OLD.ended_at IS NOT NULL
       OR to_jsonb(NEW) - fixed IS DISTINCT FROM to_jsonb(OLD) - fixed
       OR (OLD.digest IS NOT NULL AND NEW.digest IS DISTINCT FROM OLD.digest)
       OR (NEW.ended_at IS NULL) = (NEW.confirmed_at IS NOT DISTINCT FROM OLD.confirmed_at) THEN
        PERFORM refuse('fraud_listings_only_ended', 'a listing is confirmed, or ended; and ended only once');
    ELSIF OLD.confirmed_at IS NOT NULL AND (NEW.confirmed_by, NEW.confirmed_at) IS DISTINCT FROM
                                           (OLD.confirmed_by, OLD.confirmed_at) THEN
        PERFORM refuse('fraud_listings_confirmed_once', 'what is confirmed stays so');
    ELSIF NEW.confirmed_at >= NEW.expires_at THEN
        PERFORM refuse('fraud_listings_expire', 'what has expired is not confirmed');
    ELSIF NEW.audit_seq IS NULL OR NEW.audit_seq <= coalesce(OLD.audit_seq, 0) THEN
        PERFORM refuse('fraud_listings_on_record', 'a change leaves an audit entry');
    ELSIF NEW.event_seq IS NULL OR NEW.event_seq <= coalesce(OLD.event_seq, 0) THEN
        PERFORM refuse('fraud_listings_published', 'a change is published by an event');
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION fraud_listings_check_change() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' AND (NEW.ended_at IS NOT NULL OR NEW.confirmed_at IS NOT NULL) THEN
        PERFORM refuse('fraud_listings_only_ended', 'a listing is neither confirmed nor ended when it begins');
    ELSIF NOT EXISTS (SELECT FROM payment_audit_log a
                      WHERE a.subject_id = NEW.listing_id AND a.seq = NEW.audit_seq AND a.hash = NEW.audit_head
                            AND a.actor_id = coalesce(NEW.ended_by, NEW.confirmed_by, NEW.listed_by)) THEN
        PERFORM refuse('fraud_listings_on_record', 'audit_seq and audit_head are those of that person''s audit entry');
    ELSIF NOT EXISTS (SELECT FROM outbox o WHERE o.aggregate_id = NEW.listing_id AND o.sequence = NEW.event_seq) THEN
        PERFORM refuse('fraud_listings_published', 'event_seq is that of an event in the outbox');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER fraud_listings_check_change AFTER INSERT OR UPDATE ON fraud_listings
    FOR EACH ROW EXECUTE FUNCTION fraud_listings_check_change();

-- `stage` is what the newest entry of its chain says. That another took its place is the other's doing.
ALTER TABLE fraud_rule_sets
    ADD COLUMN stage      text NOT NULL DEFAULT 'proposed',
    ADD COLUMN digest     text,
    ADD COLUMN audit_seq  integer,
    ADD COLUMN audit_head bytea,
    ADD COLUMN event_seq  integer;
ALTER TABLE fraud_rule_sets
    ADD CONSTRAINT fraud_rule_sets_stage_known CHECK (stage IN ('proposed', 'shadow', 'live', 'ended')),
    ADD CONSTRAINT fraud_rule_sets_chain_begun CHECK (
        audit_seq >= 1 AND event_seq >= 1 AND octet_length(audit_head) = 32
        AND octet_length(digest) = 64 AND digest !~ '[^0-9a-f]'),
    ADD CONSTRAINT fraud_rule_sets_id_dated CHECK (
        rule_set_id >= uuid7_floor(proposed_at) AND rule_set_id < uuid7_floor(proposed_at + interval '1 millisecond'));
-- Back to the service's own rules by a rule set that says the same: it, too, needs a second person.
ALTER TABLE fraud_rule_set_uses ADD CONSTRAINT fraud_rule_set_uses_live_is_named CHECK (
    mode <> 'live' OR rule_set_id IS NOT NULL);

DROP TRIGGER refuse_change ON fraud_rule_sets;
CREATE TRIGGER refuse_delete BEFORE DELETE ON fraud_rule_sets FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE FUNCTION fraud_rule_sets_check_update() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    fixed text[] := '{stage,digest,audit_seq,audit_head,event_seq}';
BEGIN
    IF to_jsonb(NEW) - fixed IS DISTINCT FROM to_jsonb(OLD) - fixed
       OR (OLD.digest IS NOT NULL AND NEW.digest IS DISTINCT FROM OLD.digest) OR NEW.stage = 'proposed' THEN
        PERFORM refuse('fraud_rule_sets_only_used', 'what was proposed never changes');
    ELSIF NEW.audit_seq IS NULL OR NEW.audit_seq <= coalesce(OLD.audit_seq, 0) THEN
        PERFORM refuse('fraud_rule_sets_on_record', 'a use leaves an audit entry');
    ELSIF NEW.event_seq IS NULL OR NEW.event_seq <= coalesce(OLD.event_seq, 0) THEN
        PERFORM refuse('fraud_rule_sets_published', 'a use is published by an event');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER fraud_rule_sets_check_update BEFORE UPDATE ON fraud_rule_sets
    FOR EACH ROW EXECUTE FUNCTION fraud_rule_sets_check_update();

CREATE FUNCTION fraud_rule_sets_check_change() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.stage <> 'proposed' THEN
        PERFORM refuse('fraud_rule_sets_only_used', 'a rule set is proposed first');
    ELSIF NOT EXISTS (SELECT FROM payment_audit_log a
                      WHERE a.subject_id = NEW.rule_set_id AND a.seq = NEW.audit_seq AND a.hash = NEW.audit_head
                            AND a.new_status = NEW.stage AND (TG_OP = 'UPDATE' OR a.actor_id = NEW.proposed_by)) THEN
        PERFORM refuse('fraud_rule_sets_on_record', 'audit_seq and audit_head are those of the entry of its stage');
    ELSIF NOT EXISTS (SELECT FROM outbox o WHERE o.aggregate_id = NEW.rule_set_id AND o.sequence = NEW.event_seq) THEN
        PERFORM refuse('fraud_rule_sets_published', 'event_seq is that of an event in the outbox');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER fraud_rule_sets_check_change AFTER INSERT OR UPDATE ON fraud_rule_sets
    FOR EACH ROW EXECUTE FUNCTION fraud_rule_sets_check_change();

-- Who uses one says so in its chain, in the same transaction; that a trial ends, in the chain of what was tried.
CREATE FUNCTION fraud_rule_set_uses_check() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM fraud_rule_sets r
                   JOIN payment_audit_log a ON a.subject_id = r.rule_set_id AND a.seq = r.audit_seq
                   WHERE r.org_id = NEW.org_id AND r.rule_set_id = coalesce(NEW.rule_set_id, r.rule_set_id)
                         AND r.stage = CASE WHEN NEW.rule_set_id IS NULL THEN 'ended' ELSE NEW.mode END
                         AND a.actor_id = NEW.set_by AND a.xid = pg_current_xact_id()) THEN
        PERFORM refuse('fraud_rule_set_uses_on_record', 'a use goes on record in the rule set''s chain');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER fraud_rule_set_uses_check AFTER INSERT ON fraud_rule_set_uses
    FOR EACH ROW EXECUTE FUNCTION fraud_rule_set_uses_check();

-- The record's side, as for policies (0019).
CREATE FUNCTION fraud_subjects_check_entry() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    kind text; org text; newest integer;
BEGIN
    SELECT s.kind, s.org_id, s.audit_seq INTO kind, org, newest
    FROM (SELECT 'fraud_listing' AS kind, l.org_id, l.audit_seq FROM fraud_listings l WHERE l.listing_id = NEW.subject_id
          UNION ALL SELECT 'fraud_rule_set', r.org_id, r.audit_seq FROM fraud_rule_sets r
                    WHERE r.rule_set_id = NEW.subject_id) s;
    IF NEW.subject_type NOT IN ('fraud_listing', 'fraud_rule_set') AND kind IS NULL THEN
        RETURN NULL;
    END IF;
    IF (NEW.subject_type, NEW.org_id) IS DISTINCT FROM (kind, org) OR NEW.seq > newest THEN
        PERFORM refuse('fraud_subjects_linked', 'the newest entry is the head in the row of what it is about');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER fraud_subjects_check_entry AFTER INSERT ON payment_audit_log
    FOR EACH ROW WHEN (NEW.subject_type <> 'payment') EXECUTE FUNCTION fraud_subjects_check_entry();

CREATE FUNCTION fraud_subjects_check_event() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    kind text; org text; newest integer;
BEGIN
    SELECT s.kind, s.org_id, s.event_seq INTO kind, org, newest
    FROM (SELECT 'fraud_listing' AS kind, l.org_id, l.event_seq FROM fraud_listings l
          WHERE l.listing_id = NEW.aggregate_id
          UNION ALL SELECT 'fraud_rule_set', r.org_id, r.event_seq FROM fraud_rule_sets r
                    WHERE r.rule_set_id = NEW.aggregate_id) s;
    IF NEW.aggregate_type NOT IN ('fraud_listing', 'fraud_rule_set') AND kind IS NULL THEN
        RETURN NULL;
    END IF;
    IF (NEW.aggregate_type, NEW.org_id) IS DISTINCT FROM (kind, org) OR NEW.sequence > newest THEN
        PERFORM refuse('outbox_dense', 'events are numbered without a gap, up to event_seq of what they are about');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER fraud_subjects_check_event AFTER INSERT ON outbox
    FOR EACH ROW WHEN (NEW.aggregate_type <> 'payment') EXECUTE FUNCTION fraud_subjects_check_event();

GRANT SELECT ON limit_takings, limits_of_approvals TO vendorpay_app, vendorpay_readonly;
GRANT UPDATE (confirmed_by, confirmed_at, digest, audit_seq, audit_head, event_seq) ON fraud_listings TO vendorpay_app;
GRANT UPDATE (stage, digest, audit_seq, audit_head, event_seq) ON fraud_rule_sets TO vendorpay_app;
