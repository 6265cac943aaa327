-- What the relay needs beyond the feed's tables: a line for each aggregate in which those behind the head cost nothing,
-- and a list of the relays that live.

-- Known to stand behind another pending delivery of its line (subscription and aggregate). Set by a relay that finds it
-- due; taken back, below, by whatever settles the one before it. So a blocked row is touched twice, however long it
-- waits.
ALTER TABLE deliveries
    ADD COLUMN blocked boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT deliveries_blocked_is_pending CHECK (state = 'pending' OR NOT blocked);
DROP INDEX idx_deliveries_due;
CREATE INDEX idx_deliveries_due ON deliveries (subscription_id, shard, due_at) WHERE state = 'pending' AND NOT blocked;
-- The head of a line, however many of it were settled before. The subscription is there as text, and asked for as text,
-- so that no other index fits: without statistics, as in a burst of events on young tables, the planner takes any that
-- begins with the subscription, and reads all that waits for it to find one line.
CREATE INDEX idx_deliveries_line ON deliveries (aggregate_id, (subscription_id::text), sequence)
    WHERE state = 'pending';

CREATE FUNCTION deliveries_unblock() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    NEW.blocked := false;
    RETURN NEW;
END $$;
CREATE TRIGGER deliveries_unblock BEFORE UPDATE OF state ON deliveries
    FOR EACH ROW WHEN (OLD.blocked AND NEW.state <> OLD.state) EXECUTE FUNCTION deliveries_unblock();

-- Whoever settles a delivery (a relay, somebody who switches an endpoint off) lets the next one of its line go. Two who
-- settle neighbours do not miss it: each wakes only what is behind its own, and waits for the other there. A relay that
-- blocks a delivery holds a lock on the head meanwhile (deliveries.sql, block), so this sees what it did.
CREATE FUNCTION deliveries_wake_next() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE deliveries d SET blocked = false
    WHERE d.blocked AND d.delivery_id = (
        SELECT n.delivery_id FROM deliveries n
        WHERE n.aggregate_id = NEW.aggregate_id AND n.subscription_id::text = NEW.subscription_id::text
              AND n.sequence > NEW.sequence AND n.state = 'pending'
        ORDER BY n.sequence LIMIT 1);
    RETURN NULL;
END $$;
CREATE TRIGGER deliveries_wake_next AFTER UPDATE OF state ON deliveries
    FOR EACH ROW WHEN (OLD.state = 'pending' AND NEW.state <> 'pending') EXECUTE FUNCTION deliveries_wake_next();

-- Which relays live, and what they can serve ('webhook', or 'consumer:<name>'): leases alone would not show one that
-- has just come and holds none. Times are the database's own.
CREATE TABLE relay_presence (
    holder     text        NOT NULL,
    line       text        NOT NULL,
    seen_until timestamptz NOT NULL,

    CONSTRAINT relay_presence_pkey PRIMARY KEY (holder, line)
);

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON relay_presence
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

GRANT SELECT ON relay_presence TO vendorpay_app, vendorpay_readonly;
GRANT INSERT, UPDATE (seen_until), DELETE ON relay_presence TO vendorpay_app;
GRANT UPDATE (blocked) ON deliveries TO vendorpay_app;
