-- The feed: after commit, one sequencer numbers events (densely for each organisation) and audit entries (densely for
-- the whole database), without touching their rows (correctness.md 14, 19; docs/decisions/0009).
--
-- Which rows are new is told by comparing snapshots: rows of transactions that the snapshot kept at the last pass did
-- not see as ended, and that have committed since. So nothing is skipped that commits late, rollbacks leave no holes,
-- and no other transaction, however long, holds anybody up.

-- The server whose transaction numbers the rows carry. After a dump and restore it is another one.
CREATE FUNCTION server_identity() RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT system_identifier::text FROM pg_control_system());
EXCEPTION WHEN insufficient_privilege THEN
    RETURN '';  -- a hosted server that does not tell: after a restore there, renumber_stream must be run by hand
END $$;

CREATE TABLE sequencer (
    stream text        NOT NULL,
    seen   pg_snapshot NOT NULL,
    server text        NOT NULL,

    CONSTRAINT sequencer_pkey PRIMARY KEY (stream),
    CONSTRAINT sequencer_stream_known CHECK (stream IN ('feed', 'audit'))
);
INSERT INTO sequencer (stream, seen, server)
SELECT s.stream, '1:1:', server_identity() FROM (VALUES ('feed'), ('audit')) AS s (stream);

-- The last position given; '' stands for all organisations together.
CREATE TABLE position_counters (
    stream        text   NOT NULL REFERENCES sequencer (stream),
    org_id        text   NOT NULL,
    last_position bigint NOT NULL,

    CONSTRAINT position_counters_pkey PRIMARY KEY (stream, org_id),
    CONSTRAINT position_counters_positive CHECK (last_position >= 1),
    CONSTRAINT position_counters_audit_is_one CHECK ((stream = 'audit') = (org_id = ''))
);

CREATE TABLE feed_positions (
    org_id       text        NOT NULL,
    position     bigint      NOT NULL,
    aggregate_id uuid        NOT NULL,
    sequence     integer     NOT NULL,
    numbered_at  timestamptz NOT NULL,

    CONSTRAINT feed_positions_pkey PRIMARY KEY (org_id, position),
    CONSTRAINT feed_positions_one_per_event UNIQUE (aggregate_id, sequence),
    CONSTRAINT feed_positions_positive CHECK (position >= 1)
);

CREATE TABLE audit_positions (
    position   bigint  NOT NULL,
    subject_id uuid    NOT NULL,
    seq        integer NOT NULL,

    CONSTRAINT audit_positions_pkey PRIMARY KEY (position),
    CONSTRAINT audit_positions_one_per_entry UNIQUE (subject_id, seq),
    CONSTRAINT audit_positions_positive CHECK (position >= 1)
);

-- The counter is what the positions end at: so they are 1..n, each given once.
CREATE FUNCTION feed_positions_check_dense() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM (SELECT org_id, min(position) AS lowest, max(position) AS highest, count(*) AS many
                            FROM new_rows GROUP BY org_id) n
               LEFT JOIN position_counters c ON c.stream = 'feed' AND c.org_id = n.org_id
               WHERE n.highest - n.lowest + 1 <> n.many OR c.last_position IS DISTINCT FROM n.highest
                     OR (n.lowest > 1 AND NOT EXISTS (SELECT FROM feed_positions f WHERE f.org_id = n.org_id
                                                      AND f.position = n.lowest - 1))) THEN
        PERFORM refuse('feed_positions_dense', 'positions are 1..n for each organisation, up to its counter');
    END IF;
    IF EXISTS (SELECT FROM new_rows n WHERE NOT EXISTS (
                   SELECT FROM outbox o WHERE o.aggregate_id = n.aggregate_id AND o.sequence = n.sequence
                   AND o.org_id = n.org_id)) THEN
        PERFORM refuse('feed_positions_of_event', 'a position is that of an event in the outbox');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER feed_positions_check_dense AFTER INSERT ON feed_positions
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION feed_positions_check_dense();

CREATE FUNCTION audit_positions_check_dense() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM (SELECT min(position) AS lowest, max(position) AS highest, count(*) AS many
                            FROM new_rows HAVING count(*) > 0) n
               LEFT JOIN position_counters c ON c.stream = 'audit'
               WHERE n.highest - n.lowest + 1 <> n.many OR c.last_position IS DISTINCT FROM n.highest
                     OR (n.lowest > 1 AND NOT EXISTS (SELECT FROM audit_positions a
                                                      WHERE a.position = n.lowest - 1))) THEN
        PERFORM refuse('audit_positions_dense', 'positions are 1..n, up to the counter');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_positions_check_dense AFTER INSERT ON audit_positions
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION audit_positions_check_dense();

-- Who is told of events: consumers of our own (for every organisation) and webhook endpoints (for one).
CREATE TABLE subscriptions (
    subscription_id uuid        NOT NULL,
    kind            text        NOT NULL,
    name            text        NOT NULL,
    org_id          text,
    event_types     text[]      NOT NULL DEFAULT '{}',
    shards          integer     NOT NULL,
    active          boolean     NOT NULL DEFAULT true,
    -- Events after this position, up to that one, are still to be put in line once more; null when none are.
    replay_after    bigint,
    replay_until    bigint,
    created_at      timestamptz NOT NULL,

    CONSTRAINT subscriptions_pkey PRIMARY KEY (subscription_id),
    CONSTRAINT subscriptions_kind_known CHECK (kind IN ('consumer', 'webhook')),
    CONSTRAINT subscriptions_name_unique UNIQUE (kind, name),
    CONSTRAINT subscriptions_org_by_kind CHECK ((kind = 'consumer') = (org_id IS NULL)),
    CONSTRAINT subscriptions_shards_known CHECK (shards IN (1, 2, 4, 8, 16, 32, 64)),
    CONSTRAINT subscriptions_replay_is_range CHECK (
        (replay_after IS NULL) = (replay_until IS NULL) AND replay_after >= 0 AND replay_after < replay_until
        AND (replay_after IS NULL OR org_id IS NOT NULL))
);

-- Which relay works on a part of a subscription; times are the database's own, so that no clock but one counts.
CREATE TABLE relay_leases (
    subscription_id uuid        NOT NULL REFERENCES subscriptions (subscription_id),
    shard           integer     NOT NULL,
    holder          text,
    epoch           bigint      NOT NULL DEFAULT 0,
    leased_until    timestamptz NOT NULL DEFAULT '-infinity',

    CONSTRAINT relay_leases_pkey PRIMARY KEY (subscription_id, shard),
    CONSTRAINT relay_leases_shard_known CHECK (shard BETWEEN 0 AND 63)
);

-- One row for each event and whom it is for, made when the event gets its position. Of the pending ones of one
-- aggregate only the first may be sent (correctness.md 15).
CREATE TABLE deliveries (
    delivery_id     uuid        NOT NULL,
    subscription_id uuid        NOT NULL REFERENCES subscriptions (subscription_id),
    shard           integer     NOT NULL,
    org_id          text        NOT NULL,
    position        bigint      NOT NULL,
    aggregate_id    uuid        NOT NULL,
    sequence        integer     NOT NULL,
    event_id        uuid        NOT NULL,
    event_type      text        NOT NULL,
    state           text        NOT NULL DEFAULT 'pending',
    attempts        integer     NOT NULL DEFAULT 0,
    due_at          timestamptz NOT NULL,
    created_at      timestamptz NOT NULL,
    settled_at      timestamptz,
    last_error      text,

    CONSTRAINT deliveries_pkey PRIMARY KEY (delivery_id),
    CONSTRAINT deliveries_one_per_event UNIQUE (subscription_id, aggregate_id, sequence),
    CONSTRAINT deliveries_state_known CHECK (state IN ('pending', 'delivered', 'dead', 'cancelled')),
    CONSTRAINT deliveries_settled_has_date CHECK ((state = 'pending') = (settled_at IS NULL)),
    CONSTRAINT deliveries_attempts_not_negative CHECK (attempts >= 0),
    CONSTRAINT deliveries_last_error_short CHECK (length(last_error) <= 500)
);
CREATE INDEX idx_deliveries_due ON deliveries (subscription_id, shard, due_at) WHERE state = 'pending';
CREATE INDEX idx_deliveries_log ON deliveries (subscription_id, delivery_id);
CREATE INDEX idx_deliveries_dead ON deliveries (org_id, delivery_id) WHERE state = 'dead';
CREATE INDEX idx_deliveries_settled ON deliveries (settled_at) WHERE state IN ('delivered', 'cancelled');

-- What came of each try: the log of an endpoint. `answer` is the beginning of what the receiver said.
CREATE TABLE delivery_attempts (
    delivery_id  uuid        NOT NULL REFERENCES deliveries (delivery_id) ON DELETE CASCADE,
    attempt      integer     NOT NULL,
    attempted_at timestamptz NOT NULL,
    duration_ms  integer     NOT NULL,
    status       integer,
    error        text,
    answer       text,

    CONSTRAINT delivery_attempts_pkey PRIMARY KEY (delivery_id, attempt),
    CONSTRAINT delivery_attempts_counted CHECK (attempt >= 1 AND duration_ms >= 0),
    CONSTRAINT delivery_attempts_answered_or_failed CHECK (status IS NOT NULL OR error IS NOT NULL),
    CONSTRAINT delivery_attempts_short CHECK (length(error) <= 500 AND length(answer) <= 2000)
);

-- What is still to be sent is never deleted.
CREATE FUNCTION deliveries_check_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state NOT IN ('delivered', 'cancelled') THEN
        PERFORM refuse('deliveries_only_settled_deleted', format('a delivery that is %s is not deleted', OLD.state));
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER deliveries_check_delete BEFORE DELETE ON deliveries
    FOR EACH ROW EXECUTE FUNCTION deliveries_check_delete();

-- Which part of a subscription an aggregate belongs to.
CREATE FUNCTION shard_of(aggregate_id uuid, shards integer) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN ((hashtextextended(aggregate_id::text, 0) & 63) % shards)::integer;

-- A UUIDv7 of this moment, for rows that the database makes by itself.
CREATE FUNCTION uuid7_of(at timestamptz) RETURNS uuid
    LANGUAGE sql VOLATILE
    RETURN overlay(overlay(gen_random_uuid()::text PLACING substr(uuid7_floor(at)::text, 1, 13) FROM 1)
                   PLACING '7' FROM 15)::uuid;

-- A snapshot with everything from transaction `bound` on still to come.
CREATE FUNCTION snapshot_before(snapshot pg_snapshot, bound xid8) RETURNS pg_snapshot
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
    RETURN (least(pg_snapshot_xmin(snapshot)::text::numeric, bound::text::numeric)::text || ':'
            || least(pg_snapshot_xmax(snapshot)::text::numeric, bound::text::numeric)::text || ':'
            || coalesce((SELECT string_agg(x.xid::text, ',' ORDER BY x.xid)
                         FROM pg_snapshot_xip(snapshot) AS x (xid) WHERE x.xid < bound), ''))::pg_snapshot;

-- The first transaction that a pass over `most` rows leaves for the next one; NULL when it takes them all.
-- A transaction is taken whole; and none is taken while an earlier link of one of its rows is left, for a transaction
-- that got its number early may have waited for the lock of one that got its number late.
CREATE FUNCTION pass_bound(source regclass, id name, number name, seen pg_snapshot, target pg_snapshot, most integer)
    RETURNS xid8 LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    unseen CONSTANT text := '%1$s.xid >= pg_snapshot_xmin($1) AND %1$s.xid < pg_snapshot_xmax($2) '
                            'AND pg_visible_in_snapshot(%1$s.xid, $2) AND NOT pg_visible_in_snapshot(%1$s.xid, $1)';
    bound xid8;
    later xid8;
BEGIN
    EXECUTE format('SELECT x.xid FROM %s x WHERE ' || format(unseen, 'x') || ' ORDER BY x.xid OFFSET $3 LIMIT 1', source)
        INTO bound USING seen, target, most;
    IF bound IS NULL THEN
        RETURN NULL;
    END IF;
    later := bound;  -- whole, for it may be the only one
    LOOP
        EXECUTE format('SELECT x.xid FROM %s x WHERE x.xid > $3 AND ' || format(unseen, 'x')
                       || ' ORDER BY x.xid LIMIT 1', source)
            INTO bound USING seen, target, later;
        EXIT WHEN bound IS NULL;
        EXECUTE format('SELECT p.xid FROM %1$s x JOIN %1$s p ON p.%2$I = x.%2$I AND p.%3$I = x.%3$I - 1 WHERE x.xid < $3 '
                       'AND p.xid >= $3 AND NOT pg_visible_in_snapshot(p.xid, $1) AND ' || format(unseen, 'x')
                       || ' ORDER BY p.xid DESC LIMIT 1', source, id, number)
            INTO later USING seen, target, bound;
        EXIT WHEN later IS NULL;
    END LOOP;
    RETURN bound;
END $$;

-- Gives positions to the events that `target` sees and `seen` did not, up to `bound`, and puts them in line for every
-- subscription; returns how many events.
CREATE FUNCTION place_events(seen pg_snapshot, target pg_snapshot, bound xid8, at timestamptz) RETURNS bigint
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE placed_count bigint;
BEGIN
    WITH fresh AS MATERIALIZED (
        SELECT o.org_id, o.aggregate_id, o.sequence, o.event_id, o.event_type,
               row_number() OVER (PARTITION BY o.org_id ORDER BY o.aggregate_id, o.sequence) AS n,
               count(*) OVER (PARTITION BY o.org_id) AS many
        FROM outbox o
        WHERE o.xid >= pg_snapshot_xmin(seen) AND o.xid < pg_snapshot_xmax(target) AND (bound IS NULL OR o.xid < bound)
              AND pg_visible_in_snapshot(o.xid, target) AND NOT pg_visible_in_snapshot(o.xid, seen)
              -- After a restore the numbers of old transactions come round again.
              AND NOT EXISTS (SELECT FROM feed_positions f
                              WHERE f.aggregate_id = o.aggregate_id AND f.sequence = o.sequence)
    ), counted AS (
        INSERT INTO position_counters AS c (stream, org_id, last_position)
        SELECT 'feed', org_id, many FROM fresh WHERE n = 1
        ON CONFLICT (stream, org_id) DO UPDATE SET last_position = c.last_position + excluded.last_position
        RETURNING org_id, last_position
    ), numbered AS (
        SELECT f.*, c.last_position - f.many + f.n AS position FROM fresh f JOIN counted c USING (org_id)
    ), placed AS (
        INSERT INTO feed_positions (org_id, position, aggregate_id, sequence, numbered_at)
        SELECT org_id, position, aggregate_id, sequence, at FROM numbered
        RETURNING 1
    ), lined_up AS (
        INSERT INTO deliveries (delivery_id, subscription_id, shard, org_id, position, aggregate_id, sequence, event_id,
                                event_type, due_at, created_at)
        SELECT uuid7_of(at), s.subscription_id, shard_of(n.aggregate_id, s.shards), n.org_id, n.position,
               n.aggregate_id, n.sequence, n.event_id, n.event_type, at, at
        FROM numbered n JOIN subscriptions s ON s.active AND (s.org_id IS NULL OR s.org_id = n.org_id)
             AND (s.event_types = '{}' OR n.event_type = ANY (s.event_types))
        ON CONFLICT ON CONSTRAINT deliveries_one_per_event DO NOTHING
        RETURNING 1
    )
    SELECT count(*) INTO placed_count FROM placed;
    RETURN placed_count;
END $$;

-- The same for audit entries, which have one line of positions for all organisations.
CREATE FUNCTION place_audit_entries(seen pg_snapshot, target pg_snapshot, bound xid8) RETURNS bigint
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE placed_count bigint;
BEGIN
    WITH fresh AS MATERIALIZED (
        SELECT a.subject_id, a.seq, row_number() OVER (ORDER BY a.subject_id, a.seq) AS n, count(*) OVER () AS many
        FROM payment_audit_log a
        WHERE a.xid >= pg_snapshot_xmin(seen) AND a.xid < pg_snapshot_xmax(target) AND (bound IS NULL OR a.xid < bound)
              AND pg_visible_in_snapshot(a.xid, target) AND NOT pg_visible_in_snapshot(a.xid, seen)
              AND NOT EXISTS (SELECT FROM audit_positions p WHERE p.subject_id = a.subject_id AND p.seq = a.seq)
    ), counted AS (
        INSERT INTO position_counters AS c (stream, org_id, last_position)
        SELECT 'audit', '', many FROM fresh WHERE n = 1
        ON CONFLICT (stream, org_id) DO UPDATE SET last_position = c.last_position + excluded.last_position
        RETURNING last_position
    ), placed AS (
        INSERT INTO audit_positions (position, subject_id, seq)
        SELECT c.last_position - f.many + f.n, f.subject_id, f.seq FROM fresh f CROSS JOIN counted c
        RETURNING 1
    )
    SELECT count(*) INTO placed_count FROM placed;
    RETURN placed_count;
END $$;

-- One pass of the sequencer over one stream, of about `most` rows. `outcome`: 'done', 'more' (there is more to do at
-- once), 'idle' (nothing has begun or ended since `known`, the target of a pass that found nothing), 'busy' (another
-- session is at it), 'moved' (this is not the server that `seen` speaks of: renumber_stream must run once).
CREATE FUNCTION number_stream(which text, most integer, known text,
                              OUT outcome text, OUT numbered bigint, OUT target_seen text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    last   sequencer;
    target pg_snapshot;
    bound  xid8;
BEGIN
    numbered := 0;
    IF most IS NULL OR most NOT BETWEEN 1 AND 100000 THEN
        PERFORM refuse('sequencer_pass_limited', 'a pass takes 1 to 100,000 rows');
    END IF;
    -- Whoever changes who is subscribed to what takes this lock too, so that a pass sees all of it or none.
    IF NOT pg_try_advisory_xact_lock(hashtextextended('vendorpay.sequencer.' || which, 0)) THEN
        outcome := 'busy';
        RETURN;
    END IF;
    target := pg_current_snapshot();
    target_seen := target::text;
    IF target_seen = known THEN
        outcome := 'idle';
        RETURN;
    END IF;
    SELECT * INTO STRICT last FROM sequencer WHERE stream = which;
    IF last.server <> server_identity() THEN
        outcome := 'moved';
        RETURN;
    END IF;
    IF which = 'feed' THEN
        bound := pass_bound('outbox', 'aggregate_id', 'sequence', last.seen, target, most);
        numbered := place_events(last.seen, target, bound, clock_timestamp());
    ELSE
        bound := pass_bound('payment_audit_log', 'subject_id', 'seq', last.seen, target, most);
        numbered := place_audit_entries(last.seen, target, bound);
    END IF;
    -- A pass that found nothing leaves `seen`: its own write would be the next pass's news, for ever.
    IF numbered > 0 OR bound IS NOT NULL THEN
        UPDATE sequencer SET seen = CASE WHEN bound IS NULL THEN target ELSE snapshot_before(target, bound) END
        WHERE stream = which;
    END IF;
    outcome := CASE WHEN bound IS NULL THEN 'done' ELSE 'more' END;
END $$;

-- Once after a dump and restore: numbers everything that has no position by looking at every row, and begins anew from
-- here. It takes as long as reading the tables does: give it a session without statement_timeout. Returns how many.
CREATE FUNCTION renumber_stream(which text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    nothing    CONSTANT pg_snapshot := '1:1:';
    everything CONSTANT pg_snapshot := '9000000000000000000:9000000000000000000:';
    target     pg_snapshot;
    numbered   bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('vendorpay.sequencer.' || which, 0));
    target := pg_current_snapshot();
    IF which = 'feed' THEN
        numbered := place_events(nothing, everything, NULL, clock_timestamp());
    ELSE
        numbered := place_audit_entries(nothing, everything, NULL);
    END IF;
    UPDATE sequencer SET seen = target, server = server_identity() WHERE stream = which;
    RETURN numbered;
END $$;

CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON feed_positions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON audit_positions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['sequencer', 'position_counters', 'feed_positions', 'audit_positions', 'subscriptions',
                                'relay_leases', 'deliveries', 'delivery_attempts'] LOOP
        EXECUTE format('CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON %I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['sequencer', 'position_counters', 'subscriptions'] LOOP
        EXECUTE format('CREATE TRIGGER refuse_delete BEFORE DELETE ON %I '
                       'FOR EACH ROW EXECUTE FUNCTION refuse_change()', name);
    END LOOP;
END $$;

GRANT SELECT ON sequencer, position_counters, feed_positions, audit_positions, subscriptions, relay_leases, deliveries,
    delivery_attempts TO vendorpay_app, vendorpay_readonly;
-- Positions are given by the functions alone, which belong to the owner.
GRANT INSERT ON subscriptions, relay_leases, deliveries, delivery_attempts TO vendorpay_app;
GRANT UPDATE (event_types, active, replay_after, replay_until) ON subscriptions TO vendorpay_app;
GRANT UPDATE (holder, epoch, leased_until) ON relay_leases TO vendorpay_app;
GRANT UPDATE (state, attempts, due_at, settled_at, last_error) ON deliveries TO vendorpay_app;
GRANT DELETE ON deliveries TO vendorpay_app;

REVOKE ALL ON FUNCTION place_events(pg_snapshot, pg_snapshot, xid8, timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION place_audit_entries(pg_snapshot, pg_snapshot, xid8) FROM PUBLIC;
REVOKE ALL ON FUNCTION number_stream(text, integer, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION renumber_stream(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION number_stream(text, integer, text) TO vendorpay_app;
GRANT EXECUTE ON FUNCTION renumber_stream(text) TO vendorpay_app;
