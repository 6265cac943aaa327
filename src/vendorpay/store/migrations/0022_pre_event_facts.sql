-- What an event told of its payment and the payment does not tell: who drove, and which photos there are. The scorer holds
-- payments against each other by it, live as in a backtest. Rows of before, and those of a version of the service that is
-- not gone yet, have neither: unknown, never 0.
ALTER TABLE inbox
    ADD COLUMN driver_id  text,
    -- The smallest hash of the photos' names (vendorpay.domain.fraud.told.photos_key), never their words.
    ADD COLUMN photos_key bigint,
    ADD CONSTRAINT inbox_driver_id_short CHECK (length(driver_id) BETWEEN 1 AND 64),
    ADD CONSTRAINT inbox_told_by_work CHECK (
        event_type = 'WorkCompleted' OR (driver_id IS NULL AND photos_key IS NULL));

-- One event leads to a payment. What comes later for the same job is a duplicate, and tells nothing of it.
CREATE UNIQUE INDEX inbox_told_once ON inbox (org_id, payment_id)
    WHERE driver_id IS NOT NULL OR photos_key IS NOT NULL;
