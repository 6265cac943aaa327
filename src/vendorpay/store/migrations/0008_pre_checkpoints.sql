-- Checkpoints: what the audit log was at one moment, chained, so that a copy of the newest one outside of this database
-- proves every entry that came before it (correctness.md 19; docs/audit.md).

CREATE TABLE audit_checkpoints (
    number        bigint      NOT NULL,
    -- Covers the positions after the one, up to and with the other.
    from_position bigint      NOT NULL,
    to_position   bigint      NOT NULL,
    previous_hash bytea       NOT NULL,
    -- The bytes that are hashed: JSON with everything a checkpoint says (vendorpay.domain.checkpoint).
    canonical     bytea       NOT NULL,
    hash          bytea       NOT NULL,
    made_at       timestamptz NOT NULL,

    CONSTRAINT audit_checkpoints_pkey PRIMARY KEY (number),
    CONSTRAINT audit_checkpoints_one_after_each UNIQUE (previous_hash),
    CONSTRAINT audit_checkpoints_cover_something CHECK (to_position > from_position
                                                        AND to_position - from_position <= 10000),
    CONSTRAINT audit_checkpoints_begin_with_zeros CHECK (
        number >= 1 AND from_position >= 0 AND octet_length(previous_hash) = 32
        AND (number = 1) = (from_position = 0)
        AND (number = 1) = (previous_hash = '\x0000000000000000000000000000000000000000000000000000000000000000'::bytea)),
    CONSTRAINT audit_checkpoints_hash_is_of_bytes CHECK (hash = sha256(canonical)),
    -- Every key in its order, and nothing else. One row that cannot be read would be the end of all checkpoints: the
    -- next one goes on from it, and nobody may remove it. What the roots are of, the verifier tells.
    CONSTRAINT audit_checkpoints_bytes_are_canonical CHECK (convert_from(canonical, 'UTF8') ~ (
        '^\{"chains":[1-9][0-9]{0,4},"entries":(0|[1-9][0-9]{0,4}),"entriesRoot":"[0-9a-f]{64}","format":1,'
        || '"fromPosition":(0|[1-9][0-9]{0,17}),"headsRoot":"[0-9a-f]{64}",'
        || '"madeAt":"2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z","number":[1-9][0-9]{0,17},'
        || '"previousHash":"[0-9a-f]{64}","toPosition":[1-9][0-9]{0,17}\}$')),
    CONSTRAINT audit_checkpoints_columns_are_bytes CHECK (
        ((convert_from(canonical, 'UTF8')::json ->> 'number')::bigint,
         (convert_from(canonical, 'UTF8')::json ->> 'fromPosition')::bigint,
         (convert_from(canonical, 'UTF8')::json ->> 'toPosition')::bigint,
         convert_from(canonical, 'UTF8')::json ->> 'previousHash',
         convert_from(canonical, 'UTF8')::json ->> 'madeAt',
         (convert_from(canonical, 'UTF8')::json ->> 'entries')::bigint)
        IS NOT DISTINCT FROM (number, from_position, to_position, encode(previous_hash, 'hex'),
                              to_char(made_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                              to_position - from_position)),
    CONSTRAINT audit_checkpoints_touch_chains CHECK (
        (convert_from(canonical, 'UTF8')::json ->> 'chains')::bigint <= to_position - from_position)
);

-- Which destination was handed which checkpoint, for destinations that cannot be asked what they hold. Known by a hash:
-- a command line may hold a secret.
CREATE TABLE audit_checkpoint_shipments (
    destination bytea       NOT NULL,
    number      bigint      NOT NULL,
    shipped_at  timestamptz NOT NULL,

    CONSTRAINT audit_checkpoint_shipments_pkey PRIMARY KEY (destination, number),
    CONSTRAINT audit_checkpoint_shipments_destination_hashed CHECK (octet_length(destination) = 32),
    CONSTRAINT audit_checkpoint_shipments_checkpoint_fkey FOREIGN KEY (number) REFERENCES audit_checkpoints (number)
);

-- Each goes on where the one before ended, names its hash, and covers positions that were given.
CREATE FUNCTION audit_checkpoints_check_next() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM new_rows n WHERE n.number > 1 AND NOT EXISTS (
                   SELECT FROM audit_checkpoints c WHERE c.number = n.number - 1 AND c.hash = n.previous_hash
                   AND c.to_position = n.from_position)) THEN
        PERFORM refuse('audit_checkpoints_linked', 'a checkpoint goes on where the one before it ended');
    END IF;
    IF EXISTS (SELECT FROM new_rows n WHERE n.to_position > coalesce(
                   (SELECT c.last_position FROM position_counters c WHERE c.stream = 'audit'), 0)) THEN
        PERFORM refuse('audit_checkpoints_cover_given', 'a checkpoint covers positions that were given');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_checkpoints_check_next AFTER INSERT ON audit_checkpoints
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION audit_checkpoints_check_next();

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['audit_checkpoints', 'audit_checkpoint_shipments'] LOOP
        EXECUTE format('CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON %I '
                       'FOR EACH ROW EXECUTE FUNCTION refuse_change()', name);
        EXECUTE format('CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON %I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
    END LOOP;
END $$;

GRANT SELECT ON audit_checkpoints, audit_checkpoint_shipments TO vendorpay_app, vendorpay_readonly;
GRANT INSERT ON audit_checkpoints, audit_checkpoint_shipments TO vendorpay_app;
