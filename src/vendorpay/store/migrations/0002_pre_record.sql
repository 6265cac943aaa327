-- What is kept of every change: the audit chain, its texts, the events to be sent; and what came in.

-- Partitioned by the month of the subject's UUIDv7, so that a whole chain leaves together (correctness.md 20).
CREATE TABLE payment_audit_log (
    log_id          uuid        NOT NULL,
    org_id          text        NOT NULL,
    subject_type    text        NOT NULL,
    subject_id      uuid        NOT NULL,
    payment_id      uuid,
    seq             integer     NOT NULL,
    action          text        NOT NULL,
    actor_id        text        NOT NULL,
    actor_type      text        NOT NULL,
    previous_status text,
    new_status      text,
    reason_code     text,
    content_digest  text,
    notes_digest    bytea,
    "timestamp"     timestamptz NOT NULL,
    canonical       bytea       NOT NULL,
    prev_hash       bytea       NOT NULL,
    hash            bytea       NOT NULL,
    -- The sequencer finds entries committed since its last snapshot by this.
    xid             xid8        NOT NULL DEFAULT pg_current_xact_id(),

    CONSTRAINT payment_audit_log_pkey PRIMARY KEY (subject_id, seq),
    CONSTRAINT payment_audit_log_payment_fkey FOREIGN KEY (org_id, payment_id)
        REFERENCES payments (org_id, payment_id) ON DELETE RESTRICT,
    CONSTRAINT payment_audit_log_payment_is_subject CHECK (
        CASE subject_type WHEN 'payment' THEN payment_id IS NOT NULL AND payment_id = subject_id
                          ELSE payment_id IS NULL END),
    CONSTRAINT payment_audit_log_actor_type_known CHECK (actor_type IN ('user', 'system', 'admin')),
    CONSTRAINT payment_audit_log_actor_named CHECK (actor_id <> ''),
    CONSTRAINT payment_audit_log_begins_with_zeros CHECK (
        seq >= 1 AND octet_length(prev_hash) = 32
        AND (seq = 1) = (prev_hash = '\x0000000000000000000000000000000000000000000000000000000000000000'::bytea)),
    CONSTRAINT payment_audit_log_hash_follows CHECK (hash = sha256(prev_hash || canonical))
) PARTITION BY RANGE (subject_id);
CREATE INDEX idx_audit_log_actor ON payment_audit_log (org_id, actor_id, "timestamp");
CREATE INDEX idx_audit_log_timestamp ON payment_audit_log USING brin ("timestamp");
CREATE INDEX idx_audit_log_xid ON payment_audit_log (xid);

-- Free text, apart from the chain, so that a person's words can be erased and the chain still verifies. Its entry is
-- demanded by a trigger: a foreign key would keep the partitions of the log from ever being detached.
CREATE TABLE audit_texts (
    org_id     text    NOT NULL,
    subject_id uuid    NOT NULL,
    seq        integer NOT NULL,
    salt       bytea,
    text       text,

    CONSTRAINT audit_texts_pkey PRIMARY KEY (subject_id, seq),
    CONSTRAINT audit_texts_erased_whole CHECK ((salt IS NULL) = (text IS NULL))
) PARTITION BY RANGE (subject_id);

-- Events to be sent, numbered per aggregate under its row lock; never updated.
CREATE TABLE outbox (
    org_id         text        NOT NULL,
    aggregate_type text        NOT NULL,
    aggregate_id   uuid        NOT NULL,
    sequence       integer     NOT NULL,
    event_id       uuid        NOT NULL,
    event_type     text        NOT NULL,
    detail         json        NOT NULL,
    occurred_at    timestamptz NOT NULL,
    xid            xid8        NOT NULL DEFAULT pg_current_xact_id(),

    CONSTRAINT outbox_pkey PRIMARY KEY (aggregate_id, sequence),
    CONSTRAINT outbox_sequence_positive CHECK (sequence >= 1)
) PARTITION BY RANGE (aggregate_id);
CREATE INDEX idx_outbox_event_id ON outbox (event_id);
CREATE INDEX idx_outbox_xid ON outbox (xid);

-- Every command that was carried out, with its answer: what a repeated request gets, and how an answer is found again
-- when the connection broke while COMMIT was on its way (correctness.md 1, 5).
CREATE TABLE commands (
    command_id      uuid        NOT NULL,
    org_id          text        NOT NULL,
    operation       text        NOT NULL,
    caller          text        NOT NULL,
    idempotency_key text,
    fingerprint     bytea,
    payment_id      uuid,
    answer          bytea       NOT NULL,
    created_at      timestamptz NOT NULL,

    CONSTRAINT commands_pkey PRIMARY KEY (command_id),
    CONSTRAINT commands_key_has_fingerprint CHECK (
        (idempotency_key IS NULL) = (fingerprint IS NULL) AND octet_length(fingerprint) = 32),
    CONSTRAINT commands_key_short CHECK (length(idempotency_key) BETWEEN 1 AND 262)
);
CREATE UNIQUE INDEX commands_one_per_key ON commands (org_id, operation, caller, idempotency_key)
    WHERE idempotency_key IS NOT NULL;

-- Consumed events that were accepted (or found to be a duplicate of a payment): the same id is never acted on twice.
CREATE TABLE inbox (
    org_id      text        NOT NULL,
    source      text        NOT NULL,
    event_id    text        NOT NULL,
    event_type  text        NOT NULL,
    payment_id  uuid        NOT NULL,
    received_at timestamptz NOT NULL,

    CONSTRAINT inbox_pkey PRIMARY KEY (org_id, source, event_id),
    CONSTRAINT inbox_payment_fkey FOREIGN KEY (org_id, payment_id)
        REFERENCES payments (org_id, payment_id) ON DELETE RESTRICT
);

-- Events that could not be accepted, byte for byte, with the reason; identical ones are one row with a count.
CREATE TABLE quarantine (
    quarantine_id uuid        NOT NULL,
    org_id        text        NOT NULL,
    raw_sha256    bytea       NOT NULL,
    raw           bytea       NOT NULL,
    reason        text        NOT NULL,
    errors        jsonb       NOT NULL DEFAULT '[]',
    publisher     text        NOT NULL,
    times_seen    bigint      NOT NULL DEFAULT 1,
    first_seen_at timestamptz NOT NULL,
    last_seen_at  timestamptz NOT NULL,
    resolved_at   timestamptz,
    resolved_by   text,
    payment_id    uuid,

    CONSTRAINT quarantine_pkey PRIMARY KEY (quarantine_id),
    CONSTRAINT quarantine_one_per_content UNIQUE (org_id, raw_sha256),
    CONSTRAINT quarantine_hash_is_of_raw CHECK (raw_sha256 = sha256(raw)),
    CONSTRAINT quarantine_payment_fkey FOREIGN KEY (org_id, payment_id)
        REFERENCES payments (org_id, payment_id) ON DELETE RESTRICT,
    CONSTRAINT quarantine_resolved_whole CHECK (
        (resolved_at IS NULL) = (resolved_by IS NULL) AND (payment_id IS NULL OR resolved_at IS NOT NULL))
);
CREATE INDEX idx_quarantine_open ON quarantine (org_id, quarantine_id) WHERE resolved_at IS NULL;

-- Partitions. Each has its own TRUNCATE trigger (the parent's does not guard it) and no grants of its own.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: its rows are never changed or removed', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'append_only';
END $$;

-- Makes the partitions from the first month on that hold the months up to `months_ahead` after `since`; there is no
-- DEFAULT partition. The first one starts at MINVALUE, for a clock that jumps back. Returns how many it made.
CREATE FUNCTION ensure_partitions(since timestamptz, months_ahead integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
    parent   text;
    first    boolean;
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
        first := NOT EXISTS (SELECT FROM pg_inherits WHERE inhparent = parent::regclass);
        FOR month IN SELECT generate_series(date_trunc('month', since AT TIME ZONE 'UTC'),
                                            date_trunc('month', since AT TIME ZONE 'UTC')
                                            + make_interval(months => months_ahead), '1 month') LOOP
            child := format('%s_y%sm%s', parent, to_char(month, 'YYYY'), to_char(month, 'MM'));
            IF to_regclass(child) IS NULL THEN
                -- Made apart and then attached: readers never wait for that. For its foreign key the audit log's takes
                -- a lock on payments that waits for open writes and that new ones wait for: hence the short timeout.
                EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', child, parent);
                EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%L)', parent, child,
                    CASE WHEN first THEN 'MINVALUE'
                         ELSE quote_literal(uuid7_floor(month AT TIME ZONE 'UTC')) END,
                    uuid7_floor((month + interval '1 month') AT TIME ZONE 'UTC'));
                EXECUTE format('CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON %I '
                               'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', child);
                made := made + 1;
            END IF;
            first := false;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;

-- How many whole months after `since` have their partition in every partitioned table, up to the first that has not.
CREATE FUNCTION partition_months_left(since timestamptz) RETURNS integer
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    RETURN (SELECT coalesce(min(n), 61) - 1 FROM generate_series(1, 60) AS n
            WHERE EXISTS (SELECT FROM unnest(ARRAY['payment_audit_log', 'audit_texts', 'outbox']) AS parent
                          WHERE to_regclass(format('%s_y%s', parent, to_char(
                              (since AT TIME ZONE 'UTC') + make_interval(months => n), 'YYYY"m"MM'))) IS NULL));

SELECT ensure_partitions(now(), 24);
