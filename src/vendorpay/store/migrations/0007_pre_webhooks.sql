-- Webhook endpoints: outside subscribers. An endpoint is a subscription (0006) with an address, its own audit chain and
-- its own events; every change of it is on record like a payment's. What signs its deliveries lies apart, where those who
-- only read cannot see it.

CREATE TABLE webhook_endpoints (
    endpoint_id       uuid        NOT NULL,
    org_id            text        NOT NULL,
    url               text        NOT NULL,
    description       text,
    max_in_flight     integer     NOT NULL,
    status            text        NOT NULL DEFAULT 'enabled',
    disabled_reason   text,
    disabled_at       timestamptz,
    -- The feed's last position then: what came later is sent when it is enabled again.
    disabled_position bigint,
    deleted_at        timestamptz,
    digest            text        NOT NULL,
    version           integer     NOT NULL DEFAULT 1,
    audit_seq         integer     NOT NULL,
    audit_head        bytea       NOT NULL,
    event_seq         integer     NOT NULL,
    created_by        text        NOT NULL,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,

    CONSTRAINT webhook_endpoints_pkey PRIMARY KEY (endpoint_id),
    CONSTRAINT webhook_endpoints_org_unique UNIQUE (org_id, endpoint_id),
    CONSTRAINT webhook_endpoints_subscription_fkey FOREIGN KEY (endpoint_id)
        REFERENCES subscriptions (subscription_id) ON DELETE RESTRICT,
    CONSTRAINT webhook_endpoints_id_dated CHECK (
        endpoint_id >= uuid7_floor(created_at) AND endpoint_id < uuid7_floor(created_at + interval '1 millisecond')),
    CONSTRAINT webhook_endpoints_url_short CHECK (length(url) BETWEEN 1 AND 2000),
    CONSTRAINT webhook_endpoints_url_scheme CHECK (url ~ '^https?://[^\s#]+$'),
    CONSTRAINT webhook_endpoints_description_short CHECK (length(description) BETWEEN 1 AND 255),
    CONSTRAINT webhook_endpoints_max_in_flight_range CHECK (max_in_flight BETWEEN 1 AND 50),
    CONSTRAINT webhook_endpoints_status_known CHECK (status IN ('enabled', 'disabled', 'deleted')),
    CONSTRAINT webhook_endpoints_disabled_whole CHECK (
        CASE status WHEN 'disabled'
             THEN disabled_reason IS NOT NULL AND disabled_at IS NOT NULL AND disabled_position IS NOT NULL
             ELSE disabled_reason IS NULL AND disabled_at IS NULL AND disabled_position IS NULL END),
    CONSTRAINT webhook_endpoints_disabled_reason_known CHECK (disabled_reason IN ('requested', 'gone', 'failing')),
    CONSTRAINT webhook_endpoints_disabled_position_not_negative CHECK (disabled_position >= 0),
    CONSTRAINT webhook_endpoints_deleted_has_date CHECK ((status = 'deleted') = (deleted_at IS NOT NULL)),
    CONSTRAINT webhook_endpoints_digest_is_sha256 CHECK (digest ~ '^[0-9a-f]{64}$'),
    CONSTRAINT webhook_endpoints_counters_positive CHECK (version >= 1 AND audit_seq >= 1 AND event_seq >= 1),
    CONSTRAINT webhook_endpoints_audit_head_is_sha256 CHECK (octet_length(audit_head) = 32)
);
CREATE INDEX idx_webhook_endpoints_org ON webhook_endpoints (org_id, endpoint_id) WHERE status <> 'deleted';

-- The newest secret has no end; the ones before it are good for a while longer, so that a receiver can change over.
CREATE TABLE webhook_secrets (
    secret_id   uuid        NOT NULL,
    org_id      text        NOT NULL,
    endpoint_id uuid        NOT NULL,
    secret      bytea       NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz,

    CONSTRAINT webhook_secrets_pkey PRIMARY KEY (secret_id),
    CONSTRAINT webhook_secrets_endpoint_fkey FOREIGN KEY (org_id, endpoint_id)
        REFERENCES webhook_endpoints (org_id, endpoint_id) ON DELETE RESTRICT,
    -- What Standard Webhooks asks for.
    CONSTRAINT webhook_secrets_long CHECK (octet_length(secret) BETWEEN 24 AND 64),
    CONSTRAINT webhook_secrets_ends_after_begin CHECK (expires_at >= created_at)
);
CREATE INDEX idx_webhook_secrets_endpoint ON webhook_secrets (endpoint_id);

-- Endpoints that fail at the moment: since when without a break, and how many tries. No part of the record.
CREATE TABLE webhook_failures (
    endpoint_id   uuid        NOT NULL,
    org_id        text        NOT NULL,
    failing_since timestamptz NOT NULL,
    failed_tries  bigint      NOT NULL DEFAULT 1,

    CONSTRAINT webhook_failures_pkey PRIMARY KEY (endpoint_id),
    CONSTRAINT webhook_failures_endpoint_fkey FOREIGN KEY (org_id, endpoint_id)
        REFERENCES webhook_endpoints (org_id, endpoint_id) ON DELETE RESTRICT,
    CONSTRAINT webhook_failures_counted CHECK (failed_tries >= 1)
);

-- Whether events that were delivered already are sent once more, too, when those of a range are put in line.
ALTER TABLE subscriptions
    ADD COLUMN replay_again boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT subscriptions_event_types_few CHECK (
        cardinality(event_types) <= 100 AND array_position(event_types, NULL) IS NULL);
CREATE INDEX idx_subscriptions_replay ON subscriptions (subscription_id) WHERE replay_after IS NOT NULL;

-- What an update may change.
CREATE FUNCTION webhook_endpoints_check_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.endpoint_id, NEW.org_id, NEW.created_by, NEW.created_at) IS DISTINCT FROM
       (OLD.endpoint_id, OLD.org_id, OLD.created_by, OLD.created_at) THEN
        PERFORM refuse('webhook_endpoints_identity_fixed', 'whose endpoint it is, and since when, never changes');
    END IF;
    IF OLD.status = 'deleted' THEN
        PERFORM refuse('webhook_endpoints_deleted_is_final', 'a deleted endpoint does not change any more');
    END IF;
    IF NEW.version <> OLD.version + 1 THEN
        PERFORM refuse('webhook_endpoints_version_counts', 'an update takes version to the next number');
    END IF;
    IF NEW.audit_seq <= OLD.audit_seq THEN
        PERFORM refuse('webhook_endpoints_change_is_audited', 'an update leaves an audit entry');
    END IF;
    IF NEW.event_seq <= OLD.event_seq THEN
        PERFORM refuse('webhook_endpoints_change_is_published', 'an update is published by an event');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER webhook_endpoints_check_update BEFORE UPDATE ON webhook_endpoints
    FOR EACH ROW EXECUTE FUNCTION webhook_endpoints_check_update();
CREATE TRIGGER update_webhook_endpoints_updated_at BEFORE UPDATE ON webhook_endpoints
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

-- An endpoint and its subscription are one thing in two tables, and its head and number are those of the record.
CREATE FUNCTION webhook_endpoints_check_change() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF EXISTS (SELECT FROM new_rows n WHERE n.status <> 'enabled' OR n.version <> 1) THEN
            PERFORM refuse('webhook_endpoints_born_enabled', 'an endpoint begins enabled, as version 1');
        END IF;
        -- vendorpay.domain.webhooks.ENDPOINTS_MAX
        IF EXISTS (SELECT FROM (SELECT DISTINCT org_id FROM new_rows) n JOIN webhook_endpoints e USING (org_id)
                   WHERE e.status <> 'deleted' GROUP BY e.org_id HAVING count(*) > 20) THEN
            PERFORM refuse('webhook_endpoints_limited', 'an organisation has at most 20 webhook endpoints');
        END IF;
    END IF;
    IF EXISTS (SELECT FROM new_rows n WHERE NOT EXISTS (
                   SELECT FROM payment_audit_log a
                   WHERE a.subject_id = n.endpoint_id AND a.seq = n.audit_seq AND a.hash = n.audit_head)) THEN
        PERFORM refuse('webhook_endpoints_change_is_audited', 'audit_seq and audit_head are those of an audit entry');
    END IF;
    IF EXISTS (SELECT FROM new_rows n WHERE NOT EXISTS (
                   SELECT FROM outbox o WHERE o.aggregate_id = n.endpoint_id AND o.sequence = n.event_seq)) THEN
        PERFORM refuse('webhook_endpoints_change_is_published', 'event_seq is that of an event in the outbox');
    END IF;
    IF EXISTS (SELECT FROM new_rows n JOIN subscriptions s ON s.subscription_id = n.endpoint_id
               WHERE (s.kind, s.org_id, s.shards, s.active) IS DISTINCT FROM
                     ('webhook', n.org_id, 1, n.status = 'enabled')) THEN
        PERFORM refuse('webhook_endpoints_subscribed', 'the subscription of an endpoint is active while it is enabled');
    END IF;
    IF EXISTS (SELECT FROM new_rows n WHERE n.status <> 'deleted' AND 1 <> (
                   SELECT count(*) FROM webhook_secrets s
                   WHERE s.endpoint_id = n.endpoint_id AND s.expires_at IS NULL)) THEN
        PERFORM refuse('webhook_endpoints_has_secret', 'an endpoint has one secret without an end');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER webhook_endpoints_check_birth AFTER INSERT ON webhook_endpoints
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION webhook_endpoints_check_change();
CREATE TRIGGER webhook_endpoints_check_change AFTER UPDATE ON webhook_endpoints
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION webhook_endpoints_check_change();

-- The same from the subscription's side: none of somebody outside without its endpoint, none that is active by itself.
CREATE FUNCTION subscriptions_check_endpoint() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM new_rows n LEFT JOIN webhook_endpoints e ON e.endpoint_id = n.subscription_id
               WHERE n.kind = 'webhook' AND (n.org_id, n.shards, n.active) IS DISTINCT FROM
                     (e.org_id, 1, e.status = 'enabled')) THEN
        PERFORM refuse('webhook_endpoints_subscribed', 'the subscription of an endpoint is active while it is enabled');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER subscriptions_check_endpoint_birth AFTER INSERT ON subscriptions
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION subscriptions_check_endpoint();
CREATE TRIGGER subscriptions_check_endpoint AFTER UPDATE ON subscriptions
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION subscriptions_check_endpoint();

-- A new secret is born with its endpoint or by a rotation, which the endpoint's audit entries tell; few are live at once.
CREATE FUNCTION webhook_secrets_check_insert() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    -- vendorpay.domain.webhooks.SECRETS_LIVE_MAX
    IF EXISTS (SELECT FROM new_rows n WHERE 3 < (
                   SELECT count(*) FROM webhook_secrets s WHERE s.endpoint_id = n.endpoint_id
                   AND (s.expires_at IS NULL OR s.expires_at > n.created_at))) THEN
        PERFORM refuse('webhook_secrets_limited', 'an endpoint has at most 3 live secrets');
    END IF;
    IF EXISTS (SELECT FROM new_rows n WHERE NOT EXISTS (
                   SELECT FROM webhook_endpoints e JOIN payment_audit_log a ON a.subject_id = e.endpoint_id
                   WHERE e.endpoint_id = n.endpoint_id AND a.seq = e.audit_seq
                         AND a.action IN ('webhook_endpoint_created', 'webhook_secret_rotated'))) THEN
        PERFORM refuse('webhook_secrets_on_record', 'a new secret is told by the endpoint''s newest audit entry');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER webhook_secrets_check_insert AFTER INSERT ON webhook_secrets
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION webhook_secrets_check_insert();

-- A secret's end is set or brought forward; nothing else about it changes.
CREATE FUNCTION webhook_secrets_check_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.secret_id, NEW.org_id, NEW.endpoint_id, NEW.secret, NEW.created_at) IS DISTINCT FROM
       (OLD.secret_id, OLD.org_id, OLD.endpoint_id, OLD.secret, OLD.created_at)
       OR NEW.expires_at IS NULL OR NEW.expires_at > OLD.expires_at THEN
        PERFORM refuse('webhook_secrets_only_ended', 'a secret can only be given an end, or an earlier one');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER webhook_secrets_check_update BEFORE UPDATE ON webhook_secrets
    FOR EACH ROW EXECUTE FUNCTION webhook_secrets_check_update();

-- What signs no more may be forgotten.
CREATE FUNCTION webhook_secrets_check_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.expires_at IS NULL OR OLD.expires_at > now() THEN
        PERFORM refuse('webhook_secrets_only_expired_deleted', 'a secret that is live is not deleted');
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER webhook_secrets_check_delete BEFORE DELETE ON webhook_secrets
    FOR EACH ROW EXECUTE FUNCTION webhook_secrets_check_delete();

-- The record's side, as for payments (0003), for what is no payment's. By row, with a condition that payments pay nothing
-- for; under a payment's label such a row is refused there.
CREATE FUNCTION webhook_endpoints_check_entry() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE endpoint webhook_endpoints;
BEGIN
    SELECT * INTO endpoint FROM webhook_endpoints e WHERE e.endpoint_id = NEW.subject_id;
    IF NEW.subject_type <> 'webhook_endpoint' AND endpoint.endpoint_id IS NULL THEN
        RETURN NULL;
    END IF;
    IF NEW.subject_type <> 'webhook_endpoint' OR NEW.org_id IS DISTINCT FROM endpoint.org_id
       OR NEW.seq > endpoint.audit_seq THEN
        PERFORM refuse('webhook_endpoints_linked', 'the newest entry is the head in the endpoint''s row');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER webhook_endpoints_check_entry AFTER INSERT ON payment_audit_log
    FOR EACH ROW WHEN (NEW.subject_type <> 'payment') EXECUTE FUNCTION webhook_endpoints_check_entry();

CREATE FUNCTION webhook_endpoints_check_event() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE endpoint webhook_endpoints;
BEGIN
    SELECT * INTO endpoint FROM webhook_endpoints e WHERE e.endpoint_id = NEW.aggregate_id;
    IF NEW.aggregate_type <> 'webhook_endpoint' AND endpoint.endpoint_id IS NULL THEN
        RETURN NULL;
    END IF;
    IF NEW.aggregate_type <> 'webhook_endpoint' OR NEW.org_id IS DISTINCT FROM endpoint.org_id
       OR NEW.sequence > endpoint.event_seq THEN
        PERFORM refuse('outbox_dense', 'events are numbered without a gap, up to event_seq of their endpoint');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER webhook_endpoints_check_event AFTER INSERT ON outbox
    FOR EACH ROW WHEN (NEW.aggregate_type <> 'payment') EXECUTE FUNCTION webhook_endpoints_check_event();

CREATE TRIGGER refuse_delete BEFORE DELETE ON webhook_endpoints FOR EACH ROW EXECUTE FUNCTION refuse_change();
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['webhook_endpoints', 'webhook_secrets', 'webhook_failures'] LOOP
        EXECUTE format('CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON %I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
    END LOOP;
END $$;

-- The secrets are the service's alone: not for those who only read.
GRANT SELECT ON webhook_endpoints, webhook_failures TO vendorpay_app, vendorpay_readonly;
GRANT SELECT, INSERT, DELETE, UPDATE (expires_at) ON webhook_secrets TO vendorpay_app;
GRANT INSERT ON webhook_endpoints TO vendorpay_app;
GRANT UPDATE (url, description, max_in_flight, status, disabled_reason, disabled_at, disabled_position, deleted_at,
              digest, version, audit_seq, audit_head, event_seq, updated_at) ON webhook_endpoints TO vendorpay_app;
GRANT INSERT, DELETE, UPDATE (failing_since, failed_tries) ON webhook_failures TO vendorpay_app;
GRANT UPDATE (replay_again) ON subscriptions TO vendorpay_app;
