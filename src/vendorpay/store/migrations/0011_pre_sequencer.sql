-- The sequencer: gives positions to what has been committed since its last pass (correctness.md 14, 19;
-- docs/decisions/0009).
--
-- `seen` is the snapshot up to which every row has its position, `target` the present one. New are the rows of two
-- kinds of transactions: the `late`, under way in `seen` and ended by now, and those that have ended from the end of
-- `seen`, `first`, on. Both are looked up by their numbers: what was seen is not read again, however long an old
-- transaction keeps the beginning of the snapshots back.

-- The transactions that were under way in `seen` and have ended by `target`.
CREATE FUNCTION ended_since(seen pg_snapshot, target pg_snapshot) RETURNS xid8[]
    LANGUAGE sql IMMUTABLE
    RETURN ARRAY(SELECT x.xid FROM pg_snapshot_xip(seen) AS x (xid) WHERE pg_visible_in_snapshot(x.xid, target));

-- What is seen after a pass that took from `target` the transactions before `bound` (all of them when that is NULL):
-- these, and what `seen` saw already.
CREATE FUNCTION seen_after(seen pg_snapshot, target pg_snapshot, bound xid8) RETURNS pg_snapshot
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ends       xid8;
    under_way  xid8[];
BEGIN
    IF bound IS NULL OR bound >= pg_snapshot_xmax(target) THEN
        RETURN target;
    ELSIF bound >= pg_snapshot_xmax(seen) THEN
        ends := bound;
        under_way := ARRAY(SELECT x.xid FROM pg_snapshot_xip(target) AS x (xid) WHERE x.xid < bound);
    ELSE
        ends := pg_snapshot_xmax(seen);
        under_way := ARRAY(SELECT x.xid FROM pg_snapshot_xip(seen) AS x (xid)
                           WHERE x.xid >= bound OR NOT pg_visible_in_snapshot(x.xid, target));
    END IF;
    RETURN (coalesce(under_way[1], ends) || ':' || ends || ':' || array_to_string(under_way, ','))::pg_snapshot;
END $$;

-- Events of the late and of those from `first` on. After a restore the numbers of old transactions come round again:
-- a row may be among these and have its position. (Written so that it is merged into the queries that use it.)
CREATE FUNCTION new_events(late xid8[], first xid8, target pg_snapshot)
    RETURNS TABLE (xid xid8, org_id text, aggregate_id uuid, sequence integer, event_id uuid, event_type text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT o.xid, o.org_id, o.aggregate_id, o.sequence, o.event_id, o.event_type FROM outbox o WHERE o.xid = ANY (late)
    UNION ALL
    SELECT o.xid, o.org_id, o.aggregate_id, o.sequence, o.event_id, o.event_type FROM outbox o
    WHERE o.xid >= first AND o.xid < pg_snapshot_xmax(target) AND pg_visible_in_snapshot(o.xid, target);
END;

CREATE FUNCTION new_audit_entries(late xid8[], first xid8, target pg_snapshot)
    RETURNS TABLE (xid xid8, subject_id uuid, seq integer)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT a.xid, a.subject_id, a.seq FROM payment_audit_log a WHERE a.xid = ANY (late)
    UNION ALL
    SELECT a.xid, a.subject_id, a.seq FROM payment_audit_log a
    WHERE a.xid >= first AND a.xid < pg_snapshot_xmax(target) AND pg_visible_in_snapshot(a.xid, target);
END;

-- The number of the first of them after `after`, when `skipped` of them are passed by. (Without sorting, that is along
-- the indexes: sorting would read the whole backlog at every pass.)
CREATE FUNCTION nth_new_event(late xid8[], first xid8, target pg_snapshot, after xid8, skipped integer) RETURNS xid8
    LANGUAGE plpgsql SET search_path = public, pg_temp SET enable_sort = off AS $$
BEGIN
    RETURN (SELECT n.xid FROM (
        (SELECT r.xid FROM outbox r WHERE r.xid = ANY (late) AND r.xid > after ORDER BY r.xid LIMIT skipped + 1)
        UNION ALL
        (SELECT r.xid FROM outbox r WHERE r.xid >= first AND r.xid > after AND r.xid < pg_snapshot_xmax(target)
                AND pg_visible_in_snapshot(r.xid, target) ORDER BY r.xid LIMIT skipped + 1)) n
        ORDER BY n.xid OFFSET skipped LIMIT 1);
END $$;

CREATE FUNCTION nth_new_audit_entry(late xid8[], first xid8, target pg_snapshot, after xid8, skipped integer)
    RETURNS xid8
    LANGUAGE plpgsql SET search_path = public, pg_temp SET enable_sort = off AS $$
BEGIN
    RETURN (SELECT n.xid FROM (
        (SELECT r.xid FROM payment_audit_log r WHERE r.xid = ANY (late) AND r.xid > after
         ORDER BY r.xid LIMIT skipped + 1)
        UNION ALL
        (SELECT r.xid FROM payment_audit_log r WHERE r.xid >= first AND r.xid > after
                AND r.xid < pg_snapshot_xmax(target) AND pg_visible_in_snapshot(r.xid, target)
         ORDER BY r.xid LIMIT skipped + 1)) n
        ORDER BY n.xid OFFSET skipped LIMIT 1);
END $$;

-- The first transaction that a pass over about `most` rows leaves for the next one; NULL when it takes them all.
-- A transaction is taken whole; and none is taken while an earlier link of one of its rows is left, for a transaction
-- that got its number early may have waited for the lock of one that got its number late.
CREATE FUNCTION events_bound(late xid8[], first xid8, target pg_snapshot, most integer) RETURNS xid8
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    bound xid8;
    taken xid8 := nth_new_event(late, first, target, '0', most - 1);
BEGIN
    WHILE taken IS NOT NULL LOOP
        bound := nth_new_event(late, first, target, taken, 0);
        EXIT WHEN bound IS NULL;
        taken := (
            SELECT p.xid FROM new_events(late, first, target) n CROSS JOIN LATERAL (
                SELECT o.xid FROM outbox o WHERE o.aggregate_id = n.aggregate_id AND o.sequence = n.sequence - 1
                LIMIT 1) p
            WHERE n.xid < bound AND p.xid >= bound AND pg_visible_in_snapshot(p.xid, target) AND NOT EXISTS (
                SELECT FROM feed_positions f WHERE f.aggregate_id = n.aggregate_id AND f.sequence = n.sequence - 1)
            ORDER BY p.xid DESC LIMIT 1);
    END LOOP;
    RETURN bound;
END $$;

CREATE FUNCTION audit_entries_bound(late xid8[], first xid8, target pg_snapshot, most integer) RETURNS xid8
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    bound xid8;
    taken xid8 := nth_new_audit_entry(late, first, target, '0', most - 1);
BEGIN
    WHILE taken IS NOT NULL LOOP
        bound := nth_new_audit_entry(late, first, target, taken, 0);
        EXIT WHEN bound IS NULL;
        taken := (
            SELECT p.xid FROM new_audit_entries(late, first, target) n CROSS JOIN LATERAL (
                SELECT l.xid FROM payment_audit_log l WHERE l.subject_id = n.subject_id AND l.seq = n.seq - 1
                LIMIT 1) p
            WHERE n.xid < bound AND p.xid >= bound AND pg_visible_in_snapshot(p.xid, target) AND NOT EXISTS (
                SELECT FROM audit_positions a WHERE a.subject_id = n.subject_id AND a.seq = n.seq - 1)
            ORDER BY p.xid DESC LIMIT 1);
    END LOOP;
    RETURN bound;
END $$;

-- Gives these events, sorted by aggregate and sequence, the next positions of their organisations, and puts them in
-- line for every subscription; returns how many.
CREATE FUNCTION place_events(org_ids text[], aggregate_ids uuid[], sequences integer[], event_ids uuid[],
                             event_types text[], at timestamptz) RETURNS bigint
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE placed_count bigint;
BEGIN
    INSERT INTO position_counters AS c (stream, org_id, last_position)
    SELECT 'feed', u.org_id, count(*) FROM unnest(org_ids) AS u (org_id) GROUP BY u.org_id
    ON CONFLICT (stream, org_id) DO UPDATE SET last_position = c.last_position + excluded.last_position;

    WITH numbered AS MATERIALIZED (
        SELECT u.*, c.last_position + 1 - row_number() OVER (PARTITION BY u.org_id ORDER BY u.nth DESC) AS position
        FROM unnest(org_ids, aggregate_ids, sequences, event_ids, event_types) WITH ORDINALITY
            AS u (org_id, aggregate_id, sequence, event_id, event_type, nth)
        JOIN position_counters c ON c.stream = 'feed' AND c.org_id = u.org_id
    ), placed AS (
        INSERT INTO feed_positions (org_id, position, aggregate_id, sequence, numbered_at)
        SELECT org_id, position, aggregate_id, sequence, at FROM numbered ORDER BY org_id, position
        RETURNING 1
    ), lined_up AS (
        INSERT INTO deliveries (delivery_id, subscription_id, shard, org_id, position, aggregate_id, sequence, event_id,
                                event_type, due_at, created_at)
        SELECT uuid7_of(at, n.position), s.subscription_id, shard_of(n.aggregate_id, s.shards), n.org_id, n.position,
               n.aggregate_id, n.sequence, n.event_id, n.event_type, at, at
        FROM numbered n CROSS JOIN LATERAL (
            SELECT w.* FROM subscriptions w WHERE w.active AND w.org_id = n.org_id
            UNION ALL
            SELECT e.* FROM subscriptions e WHERE e.active AND e.org_id IS NULL) s
        WHERE s.event_types = '{}' OR n.event_type = ANY (s.event_types)
        ON CONFLICT ON CONSTRAINT deliveries_one_per_event DO NOTHING
    )
    SELECT count(*) INTO placed_count FROM placed;
    RETURN placed_count;
END $$;

-- The same for audit entries, sorted by subject and seq, which have one line of positions for all organisations.
CREATE FUNCTION place_audit_entries(subject_ids uuid[], seqs integer[]) RETURNS bigint
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE last bigint;
BEGIN
    INSERT INTO position_counters AS c (stream, org_id, last_position)
    SELECT 'audit', '', cardinality(subject_ids) WHERE cardinality(subject_ids) > 0
    ON CONFLICT (stream, org_id) DO UPDATE SET last_position = c.last_position + excluded.last_position
    RETURNING last_position INTO last;

    INSERT INTO audit_positions (position, subject_id, seq)
    SELECT last - cardinality(subject_ids) + u.nth, u.subject_id, u.seq
    FROM unnest(subject_ids, seqs) WITH ORDINALITY AS u (subject_id, seq, nth);
    RETURN coalesce(cardinality(subject_ids), 0);
END $$;

-- Places the new ones before `bound`; returns how many.
CREATE FUNCTION number_events(late xid8[], first xid8, target pg_snapshot, bound xid8) RETURNS bigint
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    org_ids text[]; aggregate_ids uuid[]; sequences integer[]; event_ids uuid[]; event_types text[];
BEGIN
    SELECT array_agg(n.org_id), array_agg(n.aggregate_id), array_agg(n.sequence), array_agg(n.event_id),
           array_agg(n.event_type)
    INTO org_ids, aggregate_ids, sequences, event_ids, event_types
    FROM (SELECT e.* FROM new_events(late, first, target) e
          WHERE e.xid < coalesce(bound, pg_snapshot_xmax(target)) AND NOT EXISTS (
              SELECT FROM feed_positions f WHERE f.aggregate_id = e.aggregate_id AND f.sequence = e.sequence)
          ORDER BY e.aggregate_id, e.sequence) n;
    IF org_ids IS NULL THEN
        RETURN 0;
    END IF;
    RETURN place_events(org_ids, aggregate_ids, sequences, event_ids, event_types, clock_timestamp());
END $$;

CREATE FUNCTION number_audit_entries(late xid8[], first xid8, target pg_snapshot, bound xid8) RETURNS bigint
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE subject_ids uuid[]; seqs integer[];
BEGIN
    SELECT array_agg(n.subject_id), array_agg(n.seq) INTO subject_ids, seqs
    FROM (SELECT e.* FROM new_audit_entries(late, first, target) e
          WHERE e.xid < coalesce(bound, pg_snapshot_xmax(target)) AND NOT EXISTS (
              SELECT FROM audit_positions a WHERE a.subject_id = e.subject_id AND a.seq = e.seq)
          ORDER BY e.subject_id, e.seq) n;
    IF subject_ids IS NULL THEN
        RETURN 0;
    END IF;
    RETURN place_audit_entries(subject_ids, seqs);
END $$;

-- Places all that have no position, whatever their numbers; returns how many.
CREATE FUNCTION renumber_events() RETURNS bigint
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    numbered bigint := 0;
    last_id uuid := '00000000-0000-0000-0000-000000000000';
    last_sequence integer := 0;
    org_ids text[]; aggregate_ids uuid[]; sequences integer[]; event_ids uuid[]; event_types text[];
BEGIN
    LOOP
        SELECT array_agg(n.org_id), array_agg(n.aggregate_id), array_agg(n.sequence), array_agg(n.event_id),
               array_agg(n.event_type)
        INTO org_ids, aggregate_ids, sequences, event_ids, event_types
        FROM (SELECT o.org_id, o.aggregate_id, o.sequence, o.event_id, o.event_type FROM outbox o
              WHERE (o.aggregate_id, o.sequence) > (last_id, last_sequence) AND NOT EXISTS (
                  SELECT FROM feed_positions f WHERE f.aggregate_id = o.aggregate_id AND f.sequence = o.sequence)
              ORDER BY o.aggregate_id, o.sequence LIMIT 10000) n;
        EXIT WHEN org_ids IS NULL;
        numbered := numbered
            + place_events(org_ids, aggregate_ids, sequences, event_ids, event_types, clock_timestamp());
        last_id := aggregate_ids[cardinality(aggregate_ids)];
        last_sequence := sequences[cardinality(sequences)];
    END LOOP;
    RETURN numbered;
END $$;

CREATE FUNCTION renumber_audit_entries() RETURNS bigint
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    numbered bigint := 0;
    last_id uuid := '00000000-0000-0000-0000-000000000000';
    last_seq integer := 0;
    subject_ids uuid[]; seqs integer[];
BEGIN
    LOOP
        SELECT array_agg(n.subject_id), array_agg(n.seq) INTO subject_ids, seqs
        FROM (SELECT l.subject_id, l.seq FROM payment_audit_log l
              WHERE (l.subject_id, l.seq) > (last_id, last_seq) AND NOT EXISTS (
                  SELECT FROM audit_positions a WHERE a.subject_id = l.subject_id AND a.seq = l.seq)
              ORDER BY l.subject_id, l.seq LIMIT 10000) n;
        EXIT WHEN subject_ids IS NULL;
        numbered := numbered + place_audit_entries(subject_ids, seqs);
        last_id := subject_ids[cardinality(subject_ids)];
        last_seq := seqs[cardinality(seqs)];
    END LOOP;
    RETURN numbered;
END $$;

-- One pass of the sequencer over one stream, of about `most` rows. `outcome`: 'done', 'more' (there is more to do at
-- once), 'idle' (nothing has begun or ended since `known`, the `target_seen` of a pass that was done or idle), 'busy'
-- (another session is at it), 'moved' (this is not the server that `seen` speaks of: renumber_stream must run once).
--
-- The settings: what is looked for are few rows by their keys among many, but plans are made without knowing that, or
-- on young tables. A plan made once is kept, for planning over all partitions takes longer than a pass.
CREATE FUNCTION number_stream(which text, most integer, known text,
                              OUT outcome text, OUT numbered bigint, OUT target_seen text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET jit = off AS $$
DECLARE
    last   sequencer;
    target pg_snapshot;
    late   xid8[];
    bound  xid8;
BEGIN
    numbered := 0;
    IF which IS NULL OR which NOT IN ('feed', 'audit') OR most IS NULL OR most NOT BETWEEN 1 AND 100000 THEN
        PERFORM refuse('sequencer_pass_limited', 'a pass takes 1 to 100,000 rows of the feed or of the audit log');
    END IF;
    -- Whoever changes who is subscribed to what takes this lock too, so that a pass sees all of it or none.
    IF NOT pg_try_advisory_xact_lock(hashtextextended('vendorpay.sequencer.' || which, 0)) THEN
        outcome := 'busy';
        RETURN;
    END IF;
    target := pg_current_snapshot();
    target_seen := target::text;
    IF target_seen = known THEN
        outcome := 'idle';
        RETURN;
    END IF;
    SELECT * INTO STRICT last FROM sequencer WHERE stream = which;
    IF last.server <> server_identity() OR pg_snapshot_xmax(last.seen) > pg_snapshot_xmax(target) THEN
        outcome := 'moved';
        RETURN;
    END IF;
    late := ended_since(last.seen, target);
    IF which = 'feed' THEN
        bound := events_bound(late, pg_snapshot_xmax(last.seen), target, most);
        numbered := number_events(late, pg_snapshot_xmax(last.seen), target, bound);
    ELSE
        bound := audit_entries_bound(late, pg_snapshot_xmax(last.seen), target, most);
        numbered := number_audit_entries(late, pg_snapshot_xmax(last.seen), target, bound);
    END IF;
    -- A pass that found nothing leaves `seen`: its own write would be the next pass's news, for ever.
    IF numbered > 0 OR bound IS NOT NULL THEN
        UPDATE sequencer SET seen = seen_after(last.seen, target, bound) WHERE stream = which;
    END IF;
    outcome := CASE WHEN bound IS NULL THEN 'done' ELSE 'more' END;
END $$;

-- Once after a dump and restore: numbers everything that has no position by looking at every row, and begins anew from
-- here. It takes as long as reading the tables does: give it a session without statement_timeout. Returns how many.
CREATE FUNCTION renumber_stream(which text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET jit = off AS $$
DECLARE
    target   pg_snapshot;
    numbered bigint;
BEGIN
    IF which IS NULL OR which NOT IN ('feed', 'audit') THEN
        PERFORM refuse('sequencer_pass_limited', 'the streams are the feed and the audit log');
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('vendorpay.sequencer.' || which, 0));
    target := pg_current_snapshot();
    numbered := CASE which WHEN 'feed' THEN renumber_events() ELSE renumber_audit_entries() END;
    UPDATE sequencer SET seen = target, server = server_identity() WHERE stream = which;
    RETURN numbered;
END $$;

-- Positions are given by the two functions that take the lock, and by nobody else.
REVOKE ALL ON FUNCTION place_events(text[], uuid[], integer[], uuid[], text[], timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION place_audit_entries(uuid[], integer[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION number_events(xid8[], xid8, pg_snapshot, xid8) FROM PUBLIC;
REVOKE ALL ON FUNCTION number_audit_entries(xid8[], xid8, pg_snapshot, xid8) FROM PUBLIC;
REVOKE ALL ON FUNCTION renumber_events() FROM PUBLIC;
REVOKE ALL ON FUNCTION renumber_audit_entries() FROM PUBLIC;
REVOKE ALL ON FUNCTION number_stream(text, integer, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION renumber_stream(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION number_stream(text, integer, text) TO vendorpay_app;
GRANT EXECUTE ON FUNCTION renumber_stream(text) TO vendorpay_app;
