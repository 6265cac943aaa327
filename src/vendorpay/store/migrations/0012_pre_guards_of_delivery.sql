-- What the service may not do to deliveries and secrets, indexes for what is asked of deliveries, no month left out by
-- ensure_partitions, and checks that read only what was written.

-- How checks are planned. Checks of whole statements are planned once in a session, often when tables are young and
-- have no statistics: then reading all of a table looks cheaper than a few looks by its key, and that plan stays when
-- the table has millions of rows. So they only go by indexes, row for row (at the end of this file).
-- tests/store/test_plans_of_checks.py asks it of later functions too.

-- Events are numbered without a gap up to the number in the payment's row. As in 0003, but joined, not asked for by
-- NOT EXISTS: behind an OR that may be answered by reading the whole outbox into memory, whatever the settings.
CREATE OR REPLACE FUNCTION outbox_check_sequence() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM (SELECT org_id, aggregate_type, aggregate_id, min(sequence) AS lowest,
                                   max(sequence) AS highest, count(*) AS many
                            FROM new_rows GROUP BY org_id, aggregate_type, aggregate_id) n
               LEFT JOIN payments p ON p.payment_id = n.aggregate_id
               LEFT JOIN outbox o ON o.aggregate_id = n.aggregate_id AND o.sequence = n.lowest - 1
               WHERE n.highest - n.lowest + 1 <> n.many OR (n.lowest > 1 AND o.aggregate_id IS NULL)
                     OR ((n.aggregate_type = 'payment' OR p.payment_id IS NOT NULL)
                         AND (n.org_id, n.aggregate_type, n.highest) IS DISTINCT FROM
                             (p.org_id, 'payment', p.event_seq))) THEN
        PERFORM refuse('outbox_dense', 'events are numbered without a gap, up to event_seq of their payment');
    END IF;
    RETURN NULL;
END $$;

-- As in 0003, but the approver is looked up, not joined: for one row a join may read all approvals that are valid.
CREATE OR REPLACE FUNCTION payments_check_change() RETURNS trigger
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
                     AND n.approved_by IS NOT NULL AND (
                         SELECT a.approver_id FROM approvals a WHERE a.payment_id = n.payment_id
                         AND a.voided_at IS NULL AND a.content_version = n.content_version
                         AND a.approver_id = n.approved_by) IS NULL) THEN
        PERFORM refuse('payments_approved_by_approver', 'approved_by is somebody whose approval is valid');
    END IF;
    RETURN NULL;
END $$;

-- A text is the one whose digest its entry holds; it comes with the entry or not at all. As in 0003, but asked so that no
-- index that begins with the organisation fits: one of young tables looks as good as the key, and then all is read.
CREATE OR REPLACE FUNCTION audit_texts_check_insert() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM new_rows n WHERE NOT EXISTS (
                   SELECT FROM payment_audit_log a
                   WHERE a.subject_id = n.subject_id AND a.seq = n.seq AND (a.org_id = n.org_id) IS TRUE
                         AND a.notes_digest = sha256(n.salt || convert_to(n.text, 'UTF8')))) THEN
        PERFORM refuse('audit_texts_match_digest', 'a text is the one whose digest is in its audit entry');
    END IF;
    RETURN NULL;
END $$;

-- From when on a delivery is kept; when it may be deleted. By whole statements, since upkeep deletes a thousand at once.
DROP TRIGGER deliveries_check_delete ON deliveries;
CREATE OR REPLACE FUNCTION deliveries_check_delete() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM old_rows o WHERE o.state NOT IN ('delivered', 'cancelled')) THEN
        PERFORM refuse('deliveries_only_settled_deleted', 'a delivery that is pending or dead is not deleted');
    END IF;
    -- vendorpay.usecases.upkeep: CONSUMER_DAYS and WEBHOOK_DAYS.
    IF EXISTS (SELECT FROM old_rows o JOIN subscriptions s USING (subscription_id)
               WHERE o.settled_at > now() - CASE s.kind WHEN 'consumer' THEN interval '1 day'
                                                        ELSE interval '30 days' END) THEN
        PERFORM refuse('deliveries_kept', 'a delivery is kept for 30 days, one to our own consumers for a day');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER deliveries_check_delete AFTER DELETE ON deliveries
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION deliveries_check_delete();

-- A delivery begins pending: one that were born settled would keep the event from its subscriber (one per event).
DO $$
BEGIN
    REVOKE INSERT ON deliveries FROM vendorpay_app;
    EXECUTE (SELECT format('GRANT INSERT (%s) ON deliveries TO vendorpay_app', string_agg(quote_ident(attname), ', '))
             FROM pg_attribute WHERE attrelid = 'deliveries'::regclass AND attnum > 0 AND NOT attisdropped
             AND attname NOT IN ('state', 'attempts', 'settled_at', 'last_error', 'blocked'));
END $$;

-- Only what is pending is settled, at the time of the database. What was settled may be ordered again; a dead letter
-- may be cancelled.
CREATE FUNCTION deliveries_check_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> OLD.state AND OLD.state <> 'pending' AND NEW.state <> 'pending'
       AND (OLD.state, NEW.state) <> ('dead', 'cancelled') THEN
        PERFORM refuse('deliveries_moves', format('a delivery does not move from %s to %s', OLD.state, NEW.state));
    END IF;
    IF NEW.settled_at <> now() THEN
        PERFORM refuse('deliveries_settled_now', 'a delivery is settled now, by the clock of the database');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deliveries_check_update BEFORE UPDATE OF state, settled_at ON deliveries FOR EACH ROW
    WHEN (NEW.state <> OLD.state OR NEW.settled_at IS DISTINCT FROM OLD.settled_at)
    EXECUTE FUNCTION deliveries_check_update();

-- Our own consumers keep an inbox; what somebody outside has got, the log shows. By row: a trigger of the statement would
-- run once more for each line that deliveries_wake_next (0010) looks after.
CREATE FUNCTION deliveries_check_answered() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM delivery_attempts a
                   WHERE a.delivery_id = NEW.delivery_id AND a.status BETWEEN 200 AND 299
                         -- A try of this transaction's: those before the delivery was ordered again do not count.
                         AND a.xmin = pg_current_xact_id()::xid)
       AND EXISTS (SELECT FROM webhook_endpoints e WHERE e.endpoint_id = NEW.subscription_id) THEN
        PERFORM refuse('deliveries_answered', 'a webhook is delivered together with its attempt, answered by a 2xx');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER deliveries_check_answered AFTER UPDATE OF state ON deliveries FOR EACH ROW
    WHEN (OLD.state = 'pending' AND NEW.state = 'delivered') EXECUTE FUNCTION deliveries_check_answered();

-- The secret's side of a rule of the endpoint's (0007): whatever happens to secrets, one has no end.
CREATE FUNCTION webhook_secrets_check_endless() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM (SELECT DISTINCT endpoint_id FROM changed_rows) c JOIN webhook_endpoints e USING (endpoint_id)
               WHERE e.status <> 'deleted' AND 1 <> (
                   SELECT count(*) FROM webhook_secrets s
                   WHERE s.endpoint_id = e.endpoint_id AND s.expires_at IS NULL)) THEN
        PERFORM refuse('webhook_endpoints_has_secret', 'an endpoint has one secret without an end');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER webhook_secrets_check_endless_insert AFTER INSERT ON webhook_secrets
    REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION webhook_secrets_check_endless();
CREATE TRIGGER webhook_secrets_check_endless_update AFTER UPDATE ON webhook_secrets
    REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION webhook_secrets_check_endless();
CREATE TRIGGER webhook_secrets_check_endless_delete AFTER DELETE ON webhook_secrets
    REFERENCING OLD TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION webhook_secrets_check_endless();

-- Indexes. One by state is the log of an endpoint, whole or of one state, the oldest that is pending, and the count of
-- the dead: instead of three that were made for these.
CREATE INDEX idx_deliveries_state ON deliveries (subscription_id, state, delivery_id);
DROP INDEX idx_deliveries_log;
DROP INDEX idx_deliveries_waiting;
DROP INDEX idx_deliveries_dead_letters;
-- The first event that waits for an endpoint: a replay gives early positions late ids.
CREATE INDEX idx_deliveries_position ON deliveries (subscription_id, position) WHERE state = 'pending';
-- What has had its time. By subscription, for kinds are kept for different times; not by delivery_id, for a replay
-- settles a million old ones anew, and upkeep would walk past all of them once a minute for a month.
CREATE INDEX idx_deliveries_settled ON deliveries (subscription_id, settled_at)
    WHERE state IN ('delivered', 'cancelled');

-- As in 0002, but without a gap: months that nobody made would be missed by a payment that is dated in them.
CREATE OR REPLACE FUNCTION ensure_partitions(since timestamptz, months_ahead integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
    parent   text;
    newest   timestamp;
    month    timestamp;
    child    text;
    made     integer := 0;
BEGIN
    -- The service may call this, so it must not be a way to fill the catalog with tables.
    IF months_ahead IS NULL OR months_ahead NOT BETWEEN 0 AND 60 OR since IS NULL
       OR since NOT BETWEEN now() - interval '1 month' AND now() + interval '5 years' THEN
        RAISE EXCEPTION 'partitions are made for up to 60 months after a time that is near'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'partitions_near';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('vendorpay.partitions', 0));
    FOREACH parent IN ARRAY ARRAY['payment_audit_log', 'audit_texts', 'outbox'] LOOP
        newest := (SELECT max(to_date(right(c.relname, 7), 'YYYY"m"MM'))
                   FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = parent::regclass);
        -- After years in which nothing ran, all months up to now are made.
        IF since > now() + interval '1 day'
           AND date_trunc('month', since AT TIME ZONE 'UTC') > newest + interval '1 month' THEN
            RAISE EXCEPTION 'partitions are made one after the other, without a gap'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'partitions_dense';
        END IF;
        FOR month IN SELECT generate_series(
                         least(date_trunc('month', since AT TIME ZONE 'UTC'), newest + interval '1 month'),
                         date_trunc('month', since AT TIME ZONE 'UTC') + make_interval(months => months_ahead),
                         '1 month') LOOP
            child := format('%s_y%sm%s', parent, to_char(month, 'YYYY'), to_char(month, 'MM'));
            IF to_regclass(child) IS NULL THEN
                -- Made apart and then attached: readers never wait for that. For its foreign key the audit log's takes
                -- a lock on payments that waits for open writes and that new ones wait for: hence the short timeout.
                EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', child, parent);
                EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%L)', parent, child,
                    CASE WHEN newest IS NULL THEN 'MINVALUE'
                         ELSE quote_literal(uuid7_floor(month AT TIME ZONE 'UTC')) END,
                    uuid7_floor((month + interval '1 month') AT TIME ZONE 'UTC'));
                EXECUTE format('CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON %I '
                               'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', child);
                made := made + 1;
            END IF;
            newest := coalesce(newest, month);
        END LOOP;
    END LOOP;
    RETURN made;
END $$;

-- For all functions that there are by now, once they are what they shall be: replacing one takes its settings away.
DO $$
DECLARE check_function text;
BEGIN
    FOR check_function IN SELECT DISTINCT t.tgfoid::regprocedure::text FROM pg_trigger t
                          WHERE t.tgnewtable IS NOT NULL OR t.tgoldtable IS NOT NULL LOOP
        EXECUTE format('ALTER FUNCTION %s SET enable_seqscan = off SET enable_bitmapscan = off '
                       'SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off SET jit = off',
                       check_function);
    END LOOP;
END $$;
