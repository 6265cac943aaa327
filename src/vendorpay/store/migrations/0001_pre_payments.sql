-- Payments, their lines and approvals, and every rule that they must obey whatever the program does.
-- Each rule has a name; vendorpay.store.constraints turns the names into the domain's errors.

-- The first moment of a UUIDv7 (RFC 9562, 5.7): 48 bits of Unix milliseconds, then nothing.
CREATE FUNCTION uuid7_floor(at timestamptz) RETURNS uuid
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (lpad(to_hex(floor(extract(epoch FROM at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;

-- The milliseconds a UUIDv7 was made at.
CREATE FUNCTION uuid7_ms(id uuid) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN ('x' || lpad(substr(replace(id::text, '-', ''), 1, 12), 16, '0'))::bit(64)::bigint;

CREATE TABLE payments (
    payment_id               uuid        NOT NULL,
    org_id                   text        NOT NULL,
    incident_id              uuid        NOT NULL,
    vendor_id                uuid        NOT NULL,
    reference                text        NOT NULL DEFAULT '',
    payer_type               text        NOT NULL,
    payer_id                 uuid,
    amount_cents             bigint      NOT NULL,
    currency                 text        NOT NULL DEFAULT 'USD',
    status                   text        NOT NULL DEFAULT 'pending_approval',
    version                  integer     NOT NULL DEFAULT 1,
    content_version          integer     NOT NULL DEFAULT 1,
    digest                   text        NOT NULL,
    line_count               integer     NOT NULL,
    required_approvals       integer     NOT NULL,
    approvals_valid          integer     NOT NULL DEFAULT 0,
    open_holds               integer     NOT NULL DEFAULT 0,
    fraud_gate               text        NOT NULL DEFAULT 'clear',
    payee_account_version    integer     NOT NULL DEFAULT 0,
    audit_seq                integer     NOT NULL,
    audit_head               bytea       NOT NULL,
    event_seq                integer     NOT NULL,
    fraud_score              numeric(3, 2),
    fraud_status             text,
    approved_by              text,
    approved_at              timestamptz,
    stripe_payment_intent_id text,
    stripe_transfer_id       text,
    processed_at             timestamptz,
    completed_at             timestamptz,
    failed_reason            text,
    failed_code              text,
    metadata                 jsonb       NOT NULL DEFAULT '{}',
    created_by               text        NOT NULL,
    created_at               timestamptz NOT NULL,
    updated_at               timestamptz NOT NULL,

    CONSTRAINT payments_pkey PRIMARY KEY (payment_id),
    CONSTRAINT payments_org_id_payment_id_key UNIQUE (org_id, payment_id),
    CONSTRAINT payments_org_id_payment_id_created_by_key UNIQUE (org_id, payment_id, created_by),
    CONSTRAINT payments_id_is_v7_of_created_at
        CHECK (uuid7_ms(payment_id) = floor(extract(epoch FROM created_at) * 1000)::bigint
               AND substr(payment_id::text, 15, 1) = '7'),
    CONSTRAINT payments_org_id_named CHECK (org_id <> ''),
    CONSTRAINT payments_reference_short CHECK (length(reference) <= 64),
    CONSTRAINT payments_payer_type_known CHECK (payer_type IN ('back_office', 'driver_ic')),
    CONSTRAINT payments_driver_has_payer CHECK (payer_type <> 'driver_ic' OR payer_id IS NOT NULL),
    CONSTRAINT payments_amount_positive CHECK (amount_cents BETWEEN 1 AND 10000000000000),
    CONSTRAINT payments_currency_known CHECK (currency IN (
        'AED', 'AFN', 'ALL', 'AMD', 'AOA', 'ARS', 'AUD', 'AWG', 'AZN', 'BAM', 'BBD', 'BDT', 'BHD', 'BIF', 'BMD', 'BND',
        'BOB', 'BOV', 'BRL', 'BSD', 'BTN', 'BWP', 'BYN', 'BZD', 'CAD', 'CDF', 'CHE', 'CHF', 'CHW', 'CLF', 'CLP', 'CNY',
        'COP', 'COU', 'CRC', 'CUP', 'CVE', 'CZK', 'DJF', 'DKK', 'DOP', 'DZD', 'EGP', 'ERN', 'ETB', 'EUR', 'FJD', 'FKP',
        'GBP', 'GEL', 'GHS', 'GIP', 'GMD', 'GNF', 'GTQ', 'GYD', 'HKD', 'HNL', 'HTG', 'HUF', 'IDR', 'ILS', 'INR', 'IQD',
        'IRR', 'ISK', 'JMD', 'JOD', 'JPY', 'KES', 'KGS', 'KHR', 'KMF', 'KPW', 'KRW', 'KWD', 'KYD', 'KZT', 'LAK', 'LBP',
        'LKR', 'LRD', 'LSL', 'LYD', 'MAD', 'MDL', 'MGA', 'MKD', 'MMK', 'MNT', 'MOP', 'MRU', 'MUR', 'MVR', 'MWK', 'MXN',
        'MXV', 'MYR', 'MZN', 'NAD', 'NGN', 'NIO', 'NOK', 'NPR', 'NZD', 'OMR', 'PAB', 'PEN', 'PGK', 'PHP', 'PKR', 'PLN',
        'PYG', 'QAR', 'RON', 'RSD', 'RUB', 'RWF', 'SAR', 'SBD', 'SCR', 'SDG', 'SEK', 'SGD', 'SHP', 'SLE', 'SOS', 'SRD',
        'SSP', 'STN', 'SVC', 'SYP', 'SZL', 'THB', 'TJS', 'TMT', 'TND', 'TOP', 'TRY', 'TTD', 'TWD', 'TZS', 'UAH', 'UGX',
        'USD', 'USN', 'UYI', 'UYU', 'UYW', 'UZS', 'VED', 'VES', 'VND', 'VUV', 'WST', 'XAD', 'XAF', 'XCD', 'XCG', 'XOF',
        'XPF', 'YER', 'ZAR', 'ZMW', 'ZWG')),
    CONSTRAINT payments_status_known CHECK (status IN (
        'pending_approval', 'approved', 'processing', 'completed', 'failed', 'rejected', 'cancelled', 'reversed')),
    CONSTRAINT payments_versions_positive CHECK (version >= 1 AND content_version BETWEEN 1 AND version),
    CONSTRAINT payments_digest_is_sha256 CHECK (digest ~ '^[0-9a-f]{64}$'),
    CONSTRAINT payments_line_count_limited CHECK (line_count BETWEEN 1 AND 200),
    CONSTRAINT payments_required_approvals_by_payer CHECK (
        CASE payer_type WHEN 'driver_ic' THEN required_approvals = 0 ELSE required_approvals BETWEEN 1 AND 20 END),
    CONSTRAINT payments_approvals_valid_not_negative CHECK (approvals_valid >= 0),
    CONSTRAINT payments_open_holds_not_negative CHECK (open_holds >= 0),
    CONSTRAINT payments_fraud_gate_known CHECK (fraud_gate IN ('clear', 'score_pending', 'review_required')),
    CONSTRAINT payments_chain_begun CHECK (audit_seq >= 1 AND event_seq >= 1 AND octet_length(audit_head) = 32),
    CONSTRAINT payments_fraud_score_is_share CHECK (fraud_score BETWEEN 0 AND 1),
    CONSTRAINT payments_fraud_status_known
        CHECK (fraud_status IN ('low_risk', 'medium_risk', 'high_risk', 'flagged')),
    -- Approved and everything after it has its approvals and says who gave the last one; what waits has none on record.
    CONSTRAINT payments_approved_by_enough CHECK (
        status NOT IN ('approved', 'processing', 'completed', 'failed', 'reversed')
        OR approvals_valid >= required_approvals),
    -- What has all its approvals is approved: an approval that is undone is voided too, or the next would need nobody.
    CONSTRAINT payments_pending_lacks_approvals CHECK (
        status <> 'pending_approval' OR payer_type = 'driver_ic' OR approvals_valid < required_approvals),
    CONSTRAINT payments_approved_by_named CHECK (
        CASE WHEN status IN ('approved', 'processing', 'completed', 'failed', 'reversed')
             THEN approved_at IS NOT NULL AND (payer_type = 'driver_ic') = (approved_by IS NULL)
             WHEN status IN ('pending_approval', 'rejected') THEN approved_at IS NULL AND approved_by IS NULL
             ELSE true END),
    CONSTRAINT payments_four_eyes CHECK (approved_by <> created_by),
    CONSTRAINT payments_processed_has_date CHECK (status NOT IN ('processing', 'completed') OR processed_at IS NOT NULL),
    CONSTRAINT payments_completed_has_date CHECK (status <> 'completed' OR completed_at IS NOT NULL),
    CONSTRAINT payments_metadata_is_object CHECK (jsonb_typeof(metadata) = 'object')
);

-- One live payment per job and bill; "live" is the complement of vendorpay.domain.lifecycle.ENDED.
CREATE UNIQUE INDEX payments_one_live_per_job ON payments (org_id, incident_id, vendor_id, reference)
    WHERE status NOT IN ('rejected', 'cancelled', 'reversed');

-- Queues and keyset pages. There is no index on created_at alone: payment_id has the same order, and beside a
-- partial index such a btree lures the planner into walking all of history (docs/decisions/0005).
CREATE INDEX idx_payments_pending ON payments (org_id, payment_id)
    WHERE status = 'pending_approval' AND payer_type = 'back_office';
CREATE INDEX idx_payments_status ON payments (org_id, status, payment_id);
CREATE INDEX idx_payments_incident ON payments (org_id, incident_id, payment_id);
CREATE INDEX idx_payments_vendor ON payments (org_id, vendor_id, payment_id);
CREATE INDEX idx_payments_payer ON payments (org_id, payer_id, payment_id) WHERE payer_id IS NOT NULL;
CREATE INDEX idx_payments_reference ON payments (org_id, reference, payment_id) WHERE reference <> '';
CREATE INDEX idx_payments_fraud_status ON payments (org_id, payment_id)
    WHERE fraud_status IN ('high_risk', 'flagged');

CREATE TABLE payment_line_items (
    line_item_id     uuid    NOT NULL,
    org_id           text    NOT NULL,
    payment_id       uuid    NOT NULL,
    content_version  integer NOT NULL,
    line_no          integer NOT NULL,
    description      text    NOT NULL,
    quantity         bigint  NOT NULL,
    unit_price_cents bigint  NOT NULL,
    total_cents      bigint  NOT NULL GENERATED ALWAYS AS (quantity * unit_price_cents) STORED,

    -- Lines of one content lie together, in order; an edit writes new lines under a new content_version.
    CONSTRAINT payment_line_items_pkey PRIMARY KEY (payment_id, content_version, line_no),
    CONSTRAINT payment_line_items_payment_fkey FOREIGN KEY (org_id, payment_id)
        REFERENCES payments (org_id, payment_id) ON DELETE RESTRICT,
    CONSTRAINT payment_line_items_line_no_limited CHECK (line_no BETWEEN 1 AND 200),
    CONSTRAINT payment_line_items_description_length CHECK (length(description) BETWEEN 1 AND 255),
    CONSTRAINT payment_line_items_quantity_limited CHECK (quantity BETWEEN 1 AND 1000000),
    CONSTRAINT payment_line_items_unit_price_limited CHECK (unit_price_cents BETWEEN 0 AND 1000000000000)
);

CREATE TABLE approvals (
    approval_id     uuid        NOT NULL,
    org_id          text        NOT NULL,
    payment_id      uuid        NOT NULL,
    created_by      text        NOT NULL,
    approver_id     text        NOT NULL,
    approver_role   text        NOT NULL,
    content_version integer     NOT NULL,
    digest          text        NOT NULL,
    audit_seq       integer     NOT NULL,
    approved_at     timestamptz NOT NULL,
    voided_at       timestamptz,

    CONSTRAINT approvals_pkey PRIMARY KEY (approval_id),
    -- created_by is the payment's own, by the foreign key; so the CHECK is four eyes without reading another row.
    CONSTRAINT approvals_payment_fkey FOREIGN KEY (org_id, payment_id, created_by)
        REFERENCES payments (org_id, payment_id, created_by) ON DELETE RESTRICT,
    CONSTRAINT approvals_four_eyes CHECK (approver_id <> created_by)
);
CREATE UNIQUE INDEX approvals_one_valid_per_person ON approvals (payment_id, content_version, approver_id)
    WHERE voided_at IS NULL;

-- Limits across payments (per approver, vendor, day, week): a row that is locked and counted up, because a sum over
-- other rows would be write skew. The approval policy fills it.
CREATE TABLE limit_usage (
    org_id       text   NOT NULL,
    subject_type text   NOT NULL,
    subject_id   text   NOT NULL,
    currency     text   NOT NULL,
    period       text   NOT NULL,
    period_start date   NOT NULL,
    used_cents   bigint NOT NULL DEFAULT 0,
    max_cents    bigint NOT NULL,

    CONSTRAINT limit_usage_pkey PRIMARY KEY (org_id, subject_type, subject_id, currency, period, period_start),
    CONSTRAINT limit_usage_subject_known CHECK (subject_type IN ('approver', 'vendor')),
    CONSTRAINT limit_usage_period_known CHECK (period IN ('day', 'week')),
    CONSTRAINT limit_usage_within_max CHECK (used_cents >= 0 AND used_cents <= max_cents)
);
