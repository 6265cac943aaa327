-- A third kind of subscription: the event bus, where there is one. Like our own consumers it is told of every
-- organisation's events, and what it took is kept for a day: whoever listens to the bus has a log of its own.
ALTER TABLE subscriptions
    DROP CONSTRAINT subscriptions_kind_known,
    ADD CONSTRAINT subscriptions_kind_known CHECK (kind IN ('consumer', 'webhook', 'bus')),
    DROP CONSTRAINT subscriptions_org_by_kind,
    ADD CONSTRAINT subscriptions_org_by_kind CHECK ((kind = 'webhook') = (org_id IS NOT NULL));

-- Planned as those of 0014, whose settings CREATE OR REPLACE takes away where they are not said again.
CREATE OR REPLACE FUNCTION deliveries_check_delete() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET enable_material = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    IF EXISTS (SELECT FROM old_rows o WHERE o.state NOT IN ('delivered', 'cancelled')) THEN
        PERFORM refuse('deliveries_only_settled_deleted', 'a delivery that is pending or dead is not deleted');
    END IF;
    -- vendorpay.usecases.upkeep: CONSUMER_DAYS, BUS_DAYS and WEBHOOK_DAYS.
    IF EXISTS (SELECT FROM old_rows o JOIN subscriptions s USING (subscription_id)
               WHERE o.settled_at > now() - CASE WHEN s.kind IN ('consumer', 'bus') THEN interval '1 day'
                                                 ELSE interval '30 days' END) THEN
        PERFORM refuse('deliveries_kept', 'a delivery is kept for 30 days, one to our own consumers or the bus a day');
    END IF;
    RETURN NULL;
END $$;
