-- What upkeep deletes, and what the metrics ask for at every scrape.

-- When the database itself took the command: by the service's clock, which may be wrong, nothing is deleted. Commands
-- that are here already count from now on.
ALTER TABLE commands ADD COLUMN recorded_at timestamptz NOT NULL DEFAULT now();
DO $$
BEGIN
    REVOKE INSERT ON commands FROM vendorpay_app;
    EXECUTE (SELECT format('GRANT INSERT (%s) ON commands TO vendorpay_app', string_agg(quote_ident(attname), ', '))
             FROM pg_attribute
             WHERE attrelid = 'commands'::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'recorded_at');
END $$;

-- A key holds for 30 days (correctness.md 1), whoever deletes.
CREATE FUNCTION commands_check_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.recorded_at > now() - interval '30 days' THEN
        PERFORM refuse('commands_kept_30_days', 'a command is kept for 30 days');
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER commands_check_delete BEFORE DELETE ON commands
    FOR EACH ROW EXECUTE FUNCTION commands_check_delete();

-- Deletes the oldest of those that may go, `most` of them; returns how many. The order of ids leads to them: an index by
-- time would be one more to write with every command. Ids are of the service's clock: behind one that was far back, or
-- after this migration, the first ones may have to stay. Then the others wait for them; nobody walks past all of them.
CREATE FUNCTION delete_expired_commands(most integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE deleted integer;
BEGIN
    IF most IS NULL OR most NOT BETWEEN 1 AND 10000 THEN
        PERFORM refuse('upkeep_batch_limited', 'upkeep deletes 1 to 10,000 rows at once');
    END IF;
    DELETE FROM commands WHERE command_id IN (
        SELECT f.command_id
        FROM (SELECT c.command_id, c.recorded_at FROM commands c
              WHERE c.command_id < uuid7_floor(now() - interval '30 days') ORDER BY c.command_id LIMIT most) f
        WHERE f.recorded_at <= now() - interval '30 days');
    GET DIAGNOSTICS deleted = ROW_COUNT;
    RETURN deleted;
END $$;
REVOKE ALL ON FUNCTION delete_expired_commands(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION delete_expired_commands(integer) TO vendorpay_app;

-- How old the oldest pending delivery of each subscription is. What is settled is found by idx_deliveries_log: kinds
-- are kept for different times, and by settled_at upkeep would read a month of webhooks to find a day of consumers.
CREATE INDEX idx_deliveries_waiting ON deliveries (subscription_id, delivery_id) WHERE state = 'pending';
DROP INDEX idx_deliveries_settled;
-- Dead letters by subscription: to be counted without reading them. Hardly ever written.
CREATE INDEX idx_deliveries_dead_letters ON deliveries (subscription_id) WHERE state = 'dead';
