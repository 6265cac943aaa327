-- What people tell the scorer: vendors that are trusted or blocked, signals that are not to speak of a vendor for a
-- while, and by which rule set it judges. All of it is only added to, so that every score can be explained later.

CREATE TABLE fraud_listings (
    listing_id  uuid        NOT NULL,
    org_id      text        NOT NULL,
    vendor_id   uuid        NOT NULL,
    kind        text        NOT NULL,
    signal      text,
    reason_code text        NOT NULL,
    case_id     uuid,
    listed_by   text        NOT NULL,
    listed_at   timestamptz NOT NULL,
    expires_at  timestamptz,
    ended_by    text,
    ended_at    timestamptz,

    CONSTRAINT fraud_listings_pkey PRIMARY KEY (listing_id),
    CONSTRAINT fraud_listings_case_fkey FOREIGN KEY (case_id) REFERENCES fraud_cases (case_id) ON DELETE RESTRICT,
    CONSTRAINT fraud_listings_kind_known CHECK (kind IN ('allow', 'block', 'snooze')),
    CONSTRAINT fraud_listings_snoozes_a_signal CHECK ((kind = 'snooze') = (signal IS NOT NULL)),
    CONSTRAINT fraud_listings_reason_known CHECK (reason_code IN (
        'verified_with_vendor', 'verified_photos', 'known_pattern', 'duplicate', 'inflated', 'not_performed', 'other')),
    -- Trust has an end; a block may stay.
    CONSTRAINT fraud_listings_expire CHECK (
        CASE WHEN expires_at IS NULL THEN kind = 'block'
             ELSE expires_at > listed_at AND expires_at <= listed_at + interval '366 days' END),
    CONSTRAINT fraud_listings_ended_whole CHECK ((ended_by IS NULL) = (ended_at IS NULL)),
    CONSTRAINT fraud_listings_named CHECK (listed_by <> '' AND ended_by <> '' AND signal <> '')
);
CREATE INDEX idx_fraud_listings_vendor ON fraud_listings (org_id, vendor_id) WHERE ended_at IS NULL;
CREATE INDEX idx_fraud_listings_org ON fraud_listings (org_id, listing_id);

CREATE FUNCTION fraud_listings_check_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL OR NEW.ended_at IS NULL
       OR to_jsonb(NEW) - '{ended_at,ended_by}'::text[] IS DISTINCT FROM to_jsonb(OLD) - '{ended_at,ended_by}'::text[] THEN
        PERFORM refuse('fraud_listings_only_ended', 'a listing can only be ended, and only once');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER fraud_listings_check_update BEFORE UPDATE ON fraud_listings
    FOR EACH ROW EXECUTE FUNCTION fraud_listings_check_update();
CREATE TRIGGER refuse_delete BEFORE DELETE ON fraud_listings FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON fraud_listings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The documents, as they were read; never changed.
CREATE TABLE fraud_rule_sets (
    rule_set_id uuid        NOT NULL,
    org_id      text        NOT NULL,
    version     text        NOT NULL,
    document    jsonb       NOT NULL,
    proposed_by text        NOT NULL,
    proposed_at timestamptz NOT NULL,

    CONSTRAINT fraud_rule_sets_pkey PRIMARY KEY (rule_set_id),
    CONSTRAINT fraud_rule_sets_one_per_version UNIQUE (org_id, version),
    CONSTRAINT fraud_rule_sets_proposer UNIQUE (org_id, rule_set_id, proposed_by),
    -- `1` is the one that comes with the service.
    CONSTRAINT fraud_rule_sets_version_free CHECK (version <> '1' AND length(version) BETWEEN 1 AND 64),
    CONSTRAINT fraud_rule_sets_are_objects CHECK (jsonb_typeof(document) = 'object')
);

-- Which of them counts, and which is tried beside it: the newest use of each kind. Without a rule set: the service's
-- own one counts, and none is tried.
CREATE TABLE fraud_rule_set_uses (
    use_id      uuid        NOT NULL,
    org_id      text        NOT NULL,
    mode        text        NOT NULL,
    rule_set_id uuid,
    proposed_by text,
    set_by      text        NOT NULL,
    set_at      timestamptz NOT NULL,

    CONSTRAINT fraud_rule_set_uses_pkey PRIMARY KEY (use_id),
    CONSTRAINT fraud_rule_set_uses_mode_known CHECK (mode IN ('live', 'shadow')),
    CONSTRAINT fraud_rule_set_uses_named CHECK (set_by <> '' AND (rule_set_id IS NULL) = (proposed_by IS NULL)),
    -- proposed_by is the rule set's own, by the foreign key; so the CHECK is four eyes without reading another row.
    CONSTRAINT fraud_rule_set_uses_rule_set_fkey FOREIGN KEY (org_id, rule_set_id, proposed_by)
        REFERENCES fraud_rule_sets (org_id, rule_set_id, proposed_by) ON DELETE RESTRICT,
    CONSTRAINT fraud_rule_set_uses_four_eyes CHECK (mode <> 'live' OR set_by IS DISTINCT FROM proposed_by)
);
CREATE INDEX idx_fraud_rule_set_uses ON fraud_rule_set_uses (org_id, mode, use_id);

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['fraud_rule_sets', 'fraud_rule_set_uses'] LOOP
        EXECUTE format('CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON %I '
                       'FOR EACH ROW EXECUTE FUNCTION refuse_change()', name);
        EXECUTE format('CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON %I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
    END LOOP;
END $$;

GRANT SELECT ON fraud_listings, fraud_rule_sets, fraud_rule_set_uses TO vendorpay_app, vendorpay_readonly;
GRANT INSERT ON fraud_listings, fraud_rule_sets, fraud_rule_set_uses TO vendorpay_app;
GRANT UPDATE (ended_by, ended_at) ON fraud_listings TO vendorpay_app;
