-- The same rules for less work: what every create and approve pays for its checks (docs/benchmarks.md).
--
-- A statement parses the constraints of its tables anew, and looks ahead to every partition of a table that its checks
-- ask, whatever the months are of what it wrote. For one payment alone that was most of the work.

-- A list of 165 codes in a CHECK takes a quarter of a millisecond to parse for each statement, a function none.
CREATE FUNCTION currency_known(code text) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    -- Three letters with a blank between them: a code stands where one begins, and nothing else of three letters does.
    RETURN length(code) = 3 AND strpos(
            'AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP '
            'BYN BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN '
            'ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK '
            'JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD '
            'MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP '
            'PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP '
            'SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV '
            'WST XAD XAF XCD XCG XOF XPF YER ZAR ZMW ZWG', code) % 4 = 1;
END $$;

-- (0015 looks at the rows that are there, without keeping anybody out.)
ALTER TABLE payments
    DROP CONSTRAINT payments_currency_known,
    ADD CONSTRAINT payments_currency_known CHECK (currency_known(currency)) NOT VALID,
    -- Without counting in the pattern, which is ten times slower.
    DROP CONSTRAINT payments_digest_is_sha256,
    ADD CONSTRAINT payments_digest_is_sha256 CHECK (octet_length(digest) = 64 AND digest !~ '[^0-9a-f]') NOT VALID;

-- The condition is the trigger's: the service brings its own time, and so need not be asked.
DROP TRIGGER update_payments_updated_at ON payments;
CREATE TRIGGER update_payments_updated_at BEFORE UPDATE ON payments
    FOR EACH ROW WHEN (NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at)
    EXECUTE FUNCTION update_updated_at_column();

-- Checks of whole statements. Each asks as little as it can at once, and of partitioned tables only the months between
-- the first and the last of the ids that it asks for (`ids`): a plan that is kept opens no others. Rows are joined to
-- what they need by a key, so that one row is one row; what is not there is NULL, and refused.

-- As in 0003.
CREATE OR REPLACE FUNCTION payments_check_birth() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    ids uuid[];
    not_born boolean; not_audited boolean; not_published boolean; not_summed boolean;
BEGIN
    SELECT array_agg(n.payment_id ORDER BY n.payment_id),
           bool_or(n.status <> 'pending_approval' OR n.version <> 1 OR n.content_version <> 1 OR n.approvals_valid <> 0
                   OR n.approved_by IS NOT NULL OR n.approved_at IS NOT NULL)
    INTO ids, not_born FROM new_rows n;
    SELECT bool_or((a.hash = n.audit_head) IS NOT TRUE), bool_or(o.aggregate_id IS NULL),
           bool_or(s.lines <> n.line_count OR s.total IS DISTINCT FROM n.amount_cents)
    INTO not_audited, not_published, not_summed
    FROM new_rows n
    LEFT JOIN payment_audit_log a ON a.subject_id = n.payment_id AND a.seq = n.audit_seq
                                     AND a.subject_id BETWEEN ids[1] AND ids[cardinality(ids)]
    LEFT JOIN outbox o ON o.aggregate_id = n.payment_id AND o.sequence = n.event_seq
                          AND o.aggregate_id BETWEEN ids[1] AND ids[cardinality(ids)]
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
    END IF;
    RETURN NULL;
END $$;

-- As in 0012. Approvals of earlier contents are counted too: new content voids them.
CREATE OR REPLACE FUNCTION payments_check_change() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    ids uuid[];
    not_audited boolean; not_published boolean; not_counted boolean; not_approved boolean;
BEGIN
    SELECT array_agg(n.payment_id ORDER BY n.payment_id) INTO ids FROM new_rows n;
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
    END IF;
    RETURN NULL;
END $$;

-- As in 0003, with the rule of 0013: whoever edited the content does not approve it. An approval comes with an update
-- of its payment's row, whose lock it so has: the editor read here is the present one.
DROP TRIGGER approvals_check_editor ON approvals;
DROP FUNCTION approvals_check_editor();
CREATE OR REPLACE FUNCTION approvals_check_count() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    ids uuid[];
    not_counted boolean; voided boolean; not_waiting boolean; other_content boolean; on_record boolean; edited boolean;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(n.payment_id ORDER BY n.payment_id) INTO ids FROM new_rows n;
    END IF;
    SELECT bool_or(p.approvals_valid <> (SELECT count(*) FROM approvals g WHERE g.payment_id = p.payment_id
                                         AND g.voided_at IS NULL)),
           bool_or(n.voided_at IS NOT NULL), bool_or(p.status NOT IN ('pending_approval', 'approved')),
           bool_or((n.content_version, n.digest) <> (p.content_version, p.digest)),
           bool_and(a.seq IS NOT NULL), bool_or(p.edited_by = n.approver_id)
    INTO not_counted, voided, not_waiting, other_content, on_record, edited
    FROM new_rows n
    LEFT JOIN payments p ON p.payment_id = n.payment_id
    LEFT JOIN payment_audit_log a ON a.subject_id = n.payment_id AND a.seq = n.audit_seq AND a.actor_id = n.approver_id
                                     AND a.subject_id BETWEEN ids[1] AND ids[cardinality(ids)];
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
    ELSIF edited THEN
        PERFORM refuse('approvals_four_eyes', 'whoever edited the content cannot approve it');
    END IF;
    RETURN NULL;
END $$;

-- As in 0003; the first entry of a chain has none before it to be looked for.
CREATE OR REPLACE FUNCTION payment_audit_log_check_link() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    ids uuid[];
    not_head boolean;
BEGIN
    SELECT array_agg(n.subject_id ORDER BY n.subject_id) FILTER (WHERE n.highest > 1),
           bool_or(n.highest <> p.audit_seq OR (p.audit_seq IS NOT NULL AND NOT n.of_payment))
    INTO ids, not_head
    FROM (SELECT subject_id, max(seq) AS highest, bool_and(subject_type = 'payment') AS of_payment
          FROM new_rows GROUP BY subject_id) n
    LEFT JOIN payments p ON p.payment_id = n.subject_id;
    IF ids IS NOT NULL AND EXISTS (
            SELECT FROM new_rows n WHERE n.seq > 1 AND NOT EXISTS (
                SELECT FROM payment_audit_log a
                WHERE a.subject_id = n.subject_id AND a.seq = n.seq - 1 AND a.hash = n.prev_hash
                      AND a.subject_id BETWEEN ids[1] AND ids[cardinality(ids)])) THEN
        PERFORM refuse('payment_audit_log_linked', 'prev_hash is the hash of the entry before');
    END IF;
    -- An entry nobody's head points at or past would be a second, hidden end of the chain.
    -- So would one under another type of subject: the place in the chain would be taken.
    IF not_head THEN
        PERFORM refuse('payment_audit_log_linked', 'the newest entry is the head in the payment''s row');
    END IF;
    RETURN NULL;
END $$;

-- As in 0012; the first event of an aggregate has none before it to be looked for.
CREATE OR REPLACE FUNCTION outbox_check_sequence() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    ids uuid[];
    not_dense boolean;
BEGIN
    SELECT array_agg(n.aggregate_id ORDER BY n.aggregate_id) FILTER (WHERE n.lowest > 1),
           bool_or(n.highest - n.lowest + 1 <> n.many
                   OR ((n.aggregate_type = 'payment' OR p.payment_id IS NOT NULL)
                       AND (n.org_id, n.aggregate_type, n.highest) IS DISTINCT FROM
                           (p.org_id, 'payment', p.event_seq)))
    INTO ids, not_dense
    FROM (SELECT org_id, aggregate_type, aggregate_id, min(sequence) AS lowest, max(sequence) AS highest,
                 count(*) AS many
          FROM new_rows GROUP BY org_id, aggregate_type, aggregate_id) n
    LEFT JOIN payments p ON p.payment_id = n.aggregate_id;
    IF not_dense OR (ids IS NOT NULL AND EXISTS (
            SELECT FROM (SELECT aggregate_id, min(sequence) AS lowest FROM new_rows
                         GROUP BY org_id, aggregate_type, aggregate_id) n
            LEFT JOIN outbox o ON o.aggregate_id = n.aggregate_id AND o.sequence = n.lowest - 1
                                  AND o.aggregate_id BETWEEN ids[1] AND ids[cardinality(ids)]
            WHERE n.lowest > 1 AND o.aggregate_id IS NULL)) THEN
        PERFORM refuse('outbox_dense', 'events are numbered without a gap, up to event_seq of their payment');
    END IF;
    RETURN NULL;
END $$;

-- As in 0012.
CREATE OR REPLACE FUNCTION audit_texts_check_insert() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE ids uuid[];
BEGIN
    SELECT array_agg(n.subject_id ORDER BY n.subject_id) INTO ids FROM new_rows n;
    IF EXISTS (SELECT FROM new_rows n WHERE NOT EXISTS (
                   SELECT FROM payment_audit_log a
                   WHERE a.subject_id = n.subject_id AND a.seq = n.seq AND (a.org_id = n.org_id) IS TRUE
                         AND a.subject_id BETWEEN ids[1] AND ids[cardinality(ids)]
                         AND a.notes_digest = sha256(n.salt || convert_to(n.text, 'UTF8')))) THEN
        PERFORM refuse('audit_texts_match_digest', 'a text is the one whose digest is in its audit entry');
    END IF;
    RETURN NULL;
END $$;

-- As those of 0012 are planned; and once, for with the ids in them they would be planned anew for every statement.
DO $$
DECLARE check_function text;
BEGIN
    FOR check_function IN SELECT DISTINCT t.tgfoid::regprocedure::text FROM pg_trigger t
                          WHERE t.tgnewtable IS NOT NULL OR t.tgoldtable IS NOT NULL LOOP
        EXECUTE format('ALTER FUNCTION %s SET enable_seqscan = off SET enable_bitmapscan = off '
                       'SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off SET jit = off '
                       'SET plan_cache_mode = force_generic_plan',
                       check_function);
    END LOOP;
END $$;

-- The words of one audit entry. Joined to audit_texts, whoever read a payment planned and opened every month there is,
-- for the one that the words are in, if there are any; here the plan is kept and opens that one alone.
CREATE FUNCTION audit_text(org text, subject uuid, entry integer) RETURNS text
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
BEGIN
    RETURN (SELECT t.text FROM public.audit_texts t
            WHERE t.org_id = org AND t.subject_id = subject AND t.seq = entry);
END $$;
