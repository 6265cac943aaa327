"""Upkeep deletes what has had its time by the database's clock, and nothing else, while everybody works."""

import asyncio
from collections import Counter
from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.usecases.world import DISPATCHER, World, a_key, a_new_payment, payment_in
from vendorpay import metrics
from vendorpay.domain.errors import VendorPayError
from vendorpay.store import set_up
from vendorpay.usecases import upkeep
from vendorpay.usecases.upkeep import BUS_DAYS, CONSUMER_DAYS, ROWS_MAX, WEBHOOK_DAYS

pytestmark = pytest.mark.anyio

AGE = "UPDATE commands SET recorded_at = recorded_at - interval '31 days' WHERE idempotency_key = %s"
SUBSCRIPTION: LiteralString = (
    "INSERT INTO subscriptions (subscription_id, kind, name, org_id, shards, created_at)"
    " VALUES (%s, %s, %s, %s, 1, now())"
)
DELIVERIES = """
INSERT INTO deliveries (delivery_id, subscription_id, shard, org_id, position, aggregate_id, sequence, event_id,
                        event_type, state, due_at, created_at, settled_at, attempts)
SELECT uuid7_of(at), %(subscription)s, 0, 'roadcall', n, gen_random_uuid(), 1, gen_random_uuid(), 'PaymentCreated',
       %(state)s, at, at, CASE WHEN %(state)s = 'pending' THEN NULL ELSE at END, 1
FROM (SELECT n, now() - make_interval(hours => %(hours)s) AS at FROM generate_series(1, %(many)s) AS n) made
"""


def subscribed(world: World, kind: str) -> UUID:
    """A subscription that nobody serves."""
    subscription = uuid4()
    with psycopg.connect(world.urls.superuser) as connection:
        connection.execute("SET session_replication_role = replica")  # there is no endpoint behind the webhook's
        org_id = "roadcall" if kind == "webhook" else None
        connection.execute(SUBSCRIPTION, (subscription, kind, str(subscription), org_id))
    return subscription


def deliveries(world: World, subscription: UUID, state: str, *, hours: int, many: int = 1) -> None:
    """Deliveries as old as that."""
    with psycopg.connect(world.urls.superuser) as connection:
        connection.execute(
            DELIVERIES.encode(), {"subscription": subscription, "state": state, "hours": hours, "many": many}
        )


def keys(world: World) -> set[str]:
    return {row["idempotency_key"] for row in world.rows("SELECT idempotency_key FROM commands")}


async def created_long_ago(world: World, key: str, *, days: int = 31) -> None:
    """A payment whose command was taken so many days ago, by both clocks."""
    world.clock.advance(days=-days)
    await world.create(key=a_key(key))
    world.clock.advance(days=days)
    world.rows(AGE, key)


async def test_exactly_the_expired_keys_are_deleted(world: World) -> None:
    await created_long_ago(world, "old")
    await world.create(key=a_key("young"))
    assert not await upkeep.step(world.deps)
    assert keys(world) == {"young"}


async def test_a_key_that_is_used_again_after_its_answer_was_deleted_runs_as_new(world: World) -> None:
    await created_long_ago(world, "again")
    other = world.creation(a_new_payment(), key=a_key("again", "another request"))
    with pytest.raises(VendorPayError):  # it still holds, and for another request
        await world.submit(other)
    await upkeep.step(world.deps)
    done = await world.submit(other)
    assert not done.replayed
    assert {row["payment_id"] for row in world.rows("SELECT payment_id FROM commands")} == {done.payment_id}


async def test_a_clock_of_the_service_that_jumps_forward_deletes_nothing(world: World) -> None:
    await world.create(key=a_key("young"))
    world.clock.advance(days=400)
    await upkeep.step(world.deps)
    assert keys(world) == {"young"}


async def test_what_a_clock_that_was_behind_wrote_is_kept_for_its_30_days(world: World) -> None:
    world.clock.advance(days=-40)
    await world.create(key=a_key("young"))
    await upkeep.step(world.deps)
    assert keys(world) == {"young"}


async def test_what_a_clock_that_was_ahead_wrote_goes_when_its_id_is_old(world: World) -> None:
    world.clock.advance(days=10)
    await world.create(key=a_key("ahead"))
    world.rows(AGE, "ahead")
    await upkeep.step(world.deps)
    assert keys(world) == {"ahead"}


async def test_more_than_a_batch_is_deleted_in_several(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "PAUSE_S", 0.0)
    monkeypatch.setattr(upkeep, "BATCHES_MAX", 3)
    consumer = subscribed(world, "consumer")
    deliveries(world, consumer, "delivered", hours=25, many=3 * ROWS_MAX + 1)
    assert await upkeep.step(world.deps)  # there is more
    assert world.count("deliveries") == 1
    assert not await upkeep.step(world.deps)
    assert world.count("deliveries") == 0


async def test_settled_deliveries_are_kept_for_their_time_and_the_others_for_ever(world: World) -> None:
    """Pending ones and dead letters stay, however old; a webhook's stay for longer than a consumer's or the bus's."""
    assert BUS_DAYS == CONSUMER_DAYS
    consumer, bus, webhook = (subscribed(world, kind) for kind in ("consumer", "bus", "webhook"))
    for subscription in (consumer, bus, webhook):
        for days in (0, CONSUMER_DAYS, WEBHOOK_DAYS):
            for state in ("pending", "dead", "delivered", "cancelled"):
                deliveries(world, subscription, state, hours=24 * days + 1)
    world.rows(
        "INSERT INTO delivery_attempts (delivery_id, attempt, attempted_at, duration_ms, status)"
        " SELECT delivery_id, 1, created_at, 5, 200 FROM deliveries"
    )
    await upkeep.step(world.deps)
    kept = Counter(
        (row["subscription_id"], row["state"]) for row in world.rows("SELECT subscription_id, state FROM deliveries")
    )
    assert kept == {
        **{(subscription, state): 3 for subscription in (consumer, bus, webhook) for state in ("pending", "dead")},
        **{(kept_shortly, state): 1 for kept_shortly in (consumer, bus) for state in ("delivered", "cancelled")},
        **{(webhook, state): 2 for state in ("delivered", "cancelled")},
    }
    assert world.count("delivery_attempts") == world.count("deliveries")


async def test_one_that_was_made_long_ago_and_settled_just_now_stays(world: World) -> None:
    consumer = subscribed(world, "consumer")
    deliveries(world, consumer, "delivered", hours=24 * 90)
    world.rows("UPDATE deliveries SET settled_at = now()")
    await upkeep.step(world.deps)
    assert world.count("deliveries") == 1


async def test_who_does_not_get_the_turn_leaves_the_work_to_the_one_that_has_it(world: World) -> None:
    await created_long_ago(world, "old")
    with psycopg.connect(world.urls.app) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended('vendorpay.upkeep', 0))")
        assert not await upkeep.step(world.deps)
        assert keys(world) == {"old"}
        other.rollback()
    await upkeep.step(world.deps)
    assert keys(world) == set()


async def test_two_that_run_at_once_delete_everything_once(world: World) -> None:
    consumer = subscribed(world, "consumer")
    deliveries(world, consumer, "delivered", hours=30, many=500)
    deliveries(world, consumer, "pending", hours=30, many=5)
    await asyncio.gather(*(upkeep.step(world.deps) for _ in range(4)))
    await upkeep.step(world.deps)
    assert {row["state"] for row in world.rows("SELECT state FROM deliveries")} == {"pending"}
    assert world.count("deliveries") == 5


def drop_newest_months(world: World, months: int) -> None:
    """As if upkeep had not run for so long."""
    with psycopg.connect(world.urls.owner, autocommit=True) as owner:
        for parent in ("payment_audit_log", "audit_texts", "outbox"):
            found = owner.execute(
                "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass"
                " ORDER BY 1 DESC LIMIT %s",
                [parent, months],
            ).fetchall()
            for (child,) in found:
                owner.execute(f"ALTER TABLE {parent} DETACH PARTITION {child}".encode())
                owner.execute(f"DROP TABLE {child}".encode())


def months_left(world: World) -> int:
    return int(world.rows("SELECT partition_months_left(now()) AS n")[0]["n"])


async def test_partitions_are_made_ahead_while_others_write(world: World) -> None:
    drop_newest_months(world, 3)
    assert months_left(world) == 21
    done = asyncio.Event()

    async def write() -> int:
        written = 0
        while not done.is_set():
            await world.create()
            written += 1
        return written

    async def keep_up() -> None:
        for _ in range(20):
            await upkeep.step(world.deps)
            if months_left(world) == 24:
                break
        done.set()

    *written, _ = await asyncio.gather(*(write() for _ in range(4)), keep_up())
    assert months_left(world) == 24
    assert world.count("payments") == sum(int(many or 0) for many in written) > 0


async def test_partitions_are_left_alone_while_there_are_enough(world: World) -> None:
    drop_newest_months(world, 1)
    await upkeep.step(world.deps)
    assert months_left(world) == 23


async def test_a_part_that_fails_is_counted_and_keeps_no_other_from_its_work(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[tuple[str, bool]] = []

    def record(task: str, *, failed: bool, at_s: float) -> None:
        ended.append((task, failed))

    monkeypatch.setattr(metrics, "upkeep_ended", record)
    monkeypatch.setattr(set_up, "PARTITION_TRIES_MAX", 1)
    drop_newest_months(world, 3)
    await created_long_ago(world, "old")
    with psycopg.connect(world.urls.superuser) as writer:  # what a write holds: the months cannot be attached
        writer.execute("LOCK TABLE payments IN ROW EXCLUSIVE MODE")
        assert not await upkeep.step(world.deps)
    assert ended == [
        ("partitions", True),
        ("commands", False),
        ("webhook_deliveries", False),
        ("consumer_deliveries", False),
        ("bus_deliveries", False),
    ]
    assert keys(world) == set()
    assert months_left(world) == 21


async def test_rejected_events_stay_even_when_they_were_resolved(world: World) -> None:
    world.rows(
        "INSERT INTO quarantine (quarantine_id, org_id, raw_sha256, raw, reason, publisher, first_seen_at,"
        " last_seen_at, resolved_at, resolved_by)"
        " SELECT gen_random_uuid(), 'roadcall', sha256('x'), 'x', 'r', 'p', at, at, at, 'me'"
        " FROM (SELECT now() - interval '400 days' AS at) made"
    )
    await upkeep.step(world.deps)
    assert world.count("quarantine") == 1


async def test_a_replayed_answer_is_the_first_one_until_its_last_day(world: World) -> None:
    first = await world.submit(world.creation(new := a_new_payment(), by=DISPATCHER, key=a_key("k")))
    world.rows("UPDATE commands SET recorded_at = now() - interval '29 days 23 hours'")
    await upkeep.step(world.deps)
    again: Any = await world.submit(world.creation(new, by=DISPATCHER, key=a_key("k")))
    assert (again.replayed, payment_in(again)) == (True, payment_in(first))
