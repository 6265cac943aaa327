-- The feed: after commit, one sequencer numbers events (densely for each organisation) and audit entries (densely for
-- the whole database), without touching their rows (correctness.md 14, 19; docs/decisions/0009).
--
-- Which rows are new is told by comparing snapshots (0011): rows of transactions that the snapshot kept at the last
-- pass did not see as ended, and that have committed since. So nothing is skipped that commits late, rollbacks leave no
-- holes, and no other transaction, however long, holds anybody up.

-- The server whose transaction numbers the rows carry. After a dump and restore it is another one.
CREATE FUNCTION server_identity() RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT system_identifier::text FROM pg_control_system());
EXCEPTION WHEN insufficient_privilege THEN
    RETURN '';  -- a hosted server that does not tell: that its transaction numbers went back still does (0011)
END $$;

CREATE TABLE sequencer (
    stream text        NOT NULL,
    seen   pg_snapshot NOT NULL,
    server text        NOT NULL,

    CONSTRAINT sequencer_pkey PRIMARY KEY (stream),
    CONSTRAINT sequencer_stream_known CHECK (stream IN ('feed', 'audit'))
);
-- What is here already may have been restored from another server, with its numbers: then all of it is looked at once.
INSERT INTO sequencer (stream, seen, server)
SELECT s.stream, '1:1:', CASE WHEN EXISTS (SELECT FROM outbox) OR EXISTS (SELECT FROM payment_audit_log)
                              THEN 'not known' ELSE server_identity() END
FROM (VALUES ('feed'), ('audit')) AS s (stream);

-- The last position given; '' stands for all organisations together.
CREATE TABLE position_counters (
    stream        text   NOT NULL REFERENCES sequencer (stream),
    org_id        text   NOT NULL,
    last_position bigint NOT NULL,

    CONSTRAINT position_counters_pkey PRIMARY KEY (stream, org_id),
    CONSTRAINT position_counters_positive CHECK (last_position >= 1),
    CONSTRAINT position_counters_audit_is_one CHECK ((stream = 'audit') = (org_id = ''))
);

-- '' would be taken for all of them, and hold up everybody's events.
ALTER TABLE outbox ADD CONSTRAINT outbox_org_id_named CHECK (org_id <> '');

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
    -- Joined, not asked for by NOT EXISTS: behind an OR that may be answered by reading all positions into memory.
    IF EXISTS (SELECT FROM (SELECT org_id, min(position) AS lowest, max(position) AS highest, count(*) AS many
                            FROM new_rows GROUP BY org_id) n
               LEFT JOIN position_counters c ON c.stream = 'feed' AND c.org_id = n.org_id
               LEFT JOIN feed_positions f ON f.org_id = n.org_id AND f.position = n.lowest - 1
               WHERE n.highest - n.lowest + 1 <> n.many OR c.last_position IS DISTINCT FROM n.highest
                     OR (n.lowest > 1 AND f.position IS NULL)) THEN
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
               LEFT JOIN audit_positions a ON a.position = n.lowest - 1
               WHERE n.highest - n.lowest + 1 <> n.many OR c.last_position IS DISTINCT FROM n.highest
                     OR (n.lowest > 1 AND a.position IS NULL)) THEN
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

CREATE INDEX idx_subscriptions_org ON subscriptions (org_id) WHERE active;

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

-- The same for rows of one moment that have an order: within a millisecond their ids sort as the low 24 bits of
-- `counter` do (RFC 9562, 6.2, method 1).
CREATE FUNCTION uuid7_of(at timestamptz, counter bigint) RETURNS uuid
    LANGUAGE sql VOLATILE
    RETURN overlay(overlay(uuid7_of(at)::text PLACING lpad(to_hex(counter >> 12 & 4095), 3, '0') FROM 16)
                   PLACING '8' || lpad(to_hex(counter & 4095), 3, '0') FROM 20)::uuid;

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
-- Positions are given by functions alone (0011), which belong to the owner.
GRANT INSERT ON subscriptions, relay_leases, deliveries, delivery_attempts TO vendorpay_app;
GRANT UPDATE (event_types, active, replay_after, replay_until) ON subscriptions TO vendorpay_app;
GRANT UPDATE (holder, epoch, leased_until) ON relay_leases TO vendorpay_app;
GRANT UPDATE (state, attempts, due_at, settled_at, last_error) ON deliveries TO vendorpay_app;
GRANT DELETE ON deliveries TO vendorpay_app;
