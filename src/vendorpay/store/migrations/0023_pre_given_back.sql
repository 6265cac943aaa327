-- What ends before any money moved gives its limits back, and a rule set that another has followed comes back by a
-- second person's yes alone. Functions change, and no table is locked: what is under way goes on beside this.

-- Of payments that were rejected or cancelled, what their approvals took is given back: exactly that, and on the days that
-- it was taken for, as with an undone approval. It does so with the owner's rights, for the service has none on the rows
-- of limits, and looks at the payments itself: whoever calls it gets nothing but what is due.
CREATE FUNCTION limits_return_of_ended(ended uuid[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM limits_return(ARRAY(
        SELECT g.approval_id FROM approvals g JOIN payments p ON p.payment_id = g.payment_id
        WHERE g.payment_id = ANY (ended) AND g.voided_at IS NULL AND p.status IN ('rejected', 'cancelled')));
END $$;
REVOKE EXECUTE ON FUNCTION limits_return_of_ended(uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION limits_return_of_ended(uuid[]) TO vendorpay_app;

-- A trigger of the service's own, on a temporary table of made-up rows, would count with the owner's rights, too.
REVOKE EXECUTE ON FUNCTION approvals_check_count() FROM PUBLIC;

-- As in 0014, and: what ends gives back.
CREATE OR REPLACE FUNCTION payments_check_change() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET enable_material = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    ids uuid[]; ended uuid[];
    not_audited boolean; not_published boolean; not_counted boolean; not_approved boolean;
BEGIN
    SELECT array_agg(n.payment_id ORDER BY n.payment_id),
           array_agg(n.payment_id) FILTER (WHERE n.status IN ('rejected', 'cancelled') AND n.approvals_valid > 0
                                                 AND n.approval_rule ? 'limits')
    INTO ids, ended FROM new_rows n;
    SELECT bool_or((a.hash = n.audit_head) IS NOT TRUE), bool_or(o.aggregate_id IS NULL),
           bool_or(n.approvals_valid <> v.valid),
           bool_or(n.status IN ('approved', 'processing', 'completed', 'failed', 'reversed')
                   AND n.approved_by IS NOT NULL AND v.of_approver = 0)
    INTO not_audited, not_published, not_counted, not_approved
    FROM new_rows n
    LEFT JOIN payment_audit_log a ON a.subject_id = n.payment_id AND a.seq = n.audit_seq
                                     AND a.subject_id BETWEEN ids[1] AND ids[cardinality(ids)]
    LEFT JOIN outbox o ON o.aggregate_id = n.payment_id AND o.sequence = n.event_seq
                          AND o.aggregate_id BETWEEN ids[1] AND ids[cardinality(ids)]
    LEFT JOIN LATERAL (
        SELECT count(*) AS valid, count(*) FILTER (WHERE g.content_version = n.content_version
                                                         AND g.approver_id = n.approved_by) AS of_approver
        FROM approvals g WHERE g.payment_id = n.payment_id AND g.voided_at IS NULL) v ON true;
    IF not_audited THEN
        PERFORM refuse('payments_change_is_audited', 'audit_seq and audit_head are those of an audit entry');
    ELSIF not_published THEN
        PERFORM refuse('payments_change_is_published', 'event_seq is that of an event in the outbox');
    ELSIF not_counted THEN
        PERFORM refuse('payments_approvals_counted', 'approvals_valid counts the approvals that are not voided');
    ELSIF not_approved THEN
        PERFORM refuse('payments_approved_by_approver', 'approved_by is somebody whose approval is valid');
    ELSIF ended IS NOT NULL THEN
        PERFORM limits_return_of_ended(ended);
    END IF;
    RETURN NULL;
END $$;

-- What ended before, too. (What ends while this runs, by the function of before, stays counted until its day or its
-- week is over.)
SELECT limits_return_of_ended(ARRAY(
    SELECT t.payment_id FROM limit_takings t JOIN payments p ON p.payment_id = t.payment_id
    WHERE t.returned_at IS NULL AND p.status IN ('rejected', 'cancelled')));

-- As in 0021, and: a rule set decides once. Whoever wants one back that another has followed proposes its figures again,
-- under another version, and a second person agrees anew; so nobody alone goes to and fro between rule sets to which
-- others agreed long ago. (Of which were tried and never decided, any may: a second person looks at it then.)
CREATE OR REPLACE FUNCTION fraud_rule_set_uses_check() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM fraud_rule_sets r
                   JOIN payment_audit_log a ON a.subject_id = r.rule_set_id AND a.seq = r.audit_seq
                   WHERE r.org_id = NEW.org_id AND r.rule_set_id = coalesce(NEW.rule_set_id, r.rule_set_id)
                         AND r.stage = CASE WHEN NEW.rule_set_id IS NULL THEN 'ended' ELSE NEW.mode END
                         AND a.actor_id = NEW.set_by AND a.xid = pg_current_xact_id()) THEN
        PERFORM refuse('fraud_rule_set_uses_on_record', 'a use goes on record in the rule set''s chain');
    ELSIF NEW.mode = 'live' AND EXISTS (
              SELECT FROM fraud_rule_set_uses u
              WHERE u.org_id = NEW.org_id AND u.rule_set_id = NEW.rule_set_id AND u.mode = 'live'
                    AND u.use_id <> NEW.use_id) THEN
        PERFORM refuse('fraud_rule_set_uses_live_once', 'a rule set that another has followed is proposed anew');
    END IF;
    RETURN NULL;
END $$;
