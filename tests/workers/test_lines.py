"""What stands behind a head costs a poll nothing, and is never forgotten there."""

from __future__ import annotations

import asyncio
from time import perf_counter
from uuid import UUID

import psycopg
import pytest

from tests.usecases.world import ORG, World, rounds, seeded
from tests.workers.relaying import (
    Receiver,
    a_relay,
    eventually,
    is_settled,
    publish,
    running,
    states,
    subscribe,
    things,
)
from vendorpay.store import deliveries
from vendorpay.store.relay_leases import Shard
from vendorpay.usecases.relay_target import Due, Failed, Result

pytestmark = pytest.mark.anyio

POLL_S_MAX = 0.05
SETTLE = "UPDATE deliveries SET state = 'delivered', settled_at = now() WHERE sequence = %s"
BLOCKED = "SELECT sequence FROM deliveries WHERE blocked ORDER BY sequence"


def blocked(world: World) -> list[int]:
    """The sequences of what is blocked."""
    return [row["sequence"] for row in world.rows(BLOCKED)]


async def looked_at(world: World, subscription_id: UUID) -> list[deliveries.Found]:
    """What a look at the one shard finds; what is not a head is blocked."""
    async with world.database.connection() as connection:
        found = await deliveries.due(connection, {Shard(subscription_id, 0): 1000}, ())
        await deliveries.block(connection, [one for one in found if one.delivery_id != one.head_id])
    return found


async def test_those_behind_a_head_are_found_once_and_woken_one_by_one(world: World) -> None:
    subscription_id = subscribe(world, shards=1)
    publish(world, things(1), each=3)
    assert len(await looked_at(world, subscription_id)) == 3
    assert blocked(world) == [2, 3]
    assert len(await looked_at(world, subscription_id)) == 1, "the head alone"
    world.rows(SETTLE, 1)
    assert blocked(world) == [3]
    world.rows("UPDATE deliveries SET state = 'dead', settled_at = now() WHERE sequence = 2")
    assert blocked(world) == []
    (last,) = await looked_at(world, subscription_id)
    assert last.delivery_id == last.head_id


async def test_one_that_is_settled_while_it_is_blocked_wakes_the_one_behind_it(world: World) -> None:
    subscription_id = subscribe(world, shards=1)
    publish(world, things(1), each=3)
    await looked_at(world, subscription_id)
    world.rows("UPDATE deliveries SET state = 'cancelled', settled_at = now() WHERE sequence = 2")
    assert blocked(world) == [], "it is looked at again, and found to stand behind the first"
    await looked_at(world, subscription_id)
    assert blocked(world) == [3]
    world.rows("UPDATE deliveries SET state = 'pending', settled_at = NULL WHERE sequence = 2")
    await looked_at(world, subscription_id)
    assert blocked(world) == [2, 3]


async def test_blocking_and_settling_at_the_same_moment_never_forget_anything(world: World) -> None:
    """Whichever comes first: what is blocked has a pending delivery before it."""
    subscription_id = subscribe(world, shards=1)
    chance = seeded("blocking and settling")
    count = rounds(40, 1_000)
    publish(world, things(count), each=3)

    async def settle() -> None:
        async with world.database.connection() as connection:
            for sequence in (1, 2):
                for row in world.rows("SELECT delivery_id FROM deliveries WHERE sequence = %s", sequence):
                    await connection.execute(
                        "UPDATE deliveries SET state = 'delivered', settled_at = now() WHERE delivery_id = %s",
                        (row["delivery_id"],),
                    )
                    await asyncio.sleep(chance.random() / 1000)

    async def look() -> None:
        while not settling.done():
            await looked_at(world, subscription_id)
            world.rows(
                "UPDATE deliveries SET blocked = false WHERE delivery_id IN (SELECT delivery_id FROM deliveries"
                " WHERE random() < 0.2 AND state = 'pending' FOR UPDATE SKIP LOCKED)"
            )

    settling = asyncio.create_task(settle())
    await asyncio.gather(settling, look())
    forgotten = world.rows(
        "SELECT 1 FROM deliveries d WHERE d.blocked AND NOT EXISTS (SELECT FROM deliveries b WHERE b.state = 'pending'"
        " AND b.subscription_id = d.subscription_id AND b.aggregate_id = d.aggregate_id AND b.sequence < d.sequence)"
    )
    assert forgotten == []


async def test_a_hundred_thousand_that_wait_behind_heads_cost_a_poll_nothing(world: World) -> None:
    subscription_id = subscribe(world, shards=1)
    waiting, ready = rounds(2_000, 20_000), rounds(2_000, 20_000)
    with psycopg.connect(world.urls.superuser) as connection:
        connection.execute(
            "INSERT INTO deliveries (delivery_id, subscription_id, shard, org_id, position, aggregate_id, sequence,"
            " event_id, event_type, due_at, created_at)"
            " SELECT uuid7_of(now()), %s, 0, %s, n, ('01990000-0000-7000-8000-' || lpad(a::text, 12, '0'))::uuid, n,"
            " uuid7_of(now()), 'ThingHappened', CASE WHEN n = 1 AND a <= %s THEN now() + '1 hour' ELSE"
            " now() - CASE WHEN a <= %s THEN interval '1 hour' ELSE interval '1 minute' END END, now()"
            " FROM generate_series(1, %s) AS a CROSS JOIN generate_series(1, 5) AS n",
            (subscription_id, ORG, waiting, waiting, waiting + ready),
        )
    # First each of them is touched once: those behind the waiting heads come before everything else by their time.
    began = perf_counter()
    async with world.database.connection() as connection:
        while True:
            found = await deliveries.due(connection, {Shard(subscription_id, 0): 500}, ())
            behind = [one for one in found if one.delivery_id != one.head_id]
            if not behind:
                break
            await deliveries.block(connection, behind)
        print(f"{4 * (waiting + ready)} blocked in {perf_counter() - began:.1f} s")
        times: list[float] = []
        until = perf_counter() + 30.0
        while len(times) < 10 or (min(times) >= POLL_S_MAX and perf_counter() < until):  # it may be busy for seconds
            began = perf_counter()
            found = await deliveries.due(connection, {Shard(subscription_id, 0): 100}, ())
            times.append(perf_counter() - began)
            assert len(found) == 100
            assert all(one.delivery_id == one.head_id for one in found)
    print(f"a poll for 100 heads: {min(times) * 1000:.1f} ms")
    assert min(times) < POLL_S_MAX
    assert len(world.rows("SELECT 1 FROM deliveries WHERE blocked")) >= 4 * waiting


async def test_a_slow_subscriber_with_many_behind_its_heads_does_not_slow_another(world: World) -> None:
    slow, quick = subscribe(world, shards=1), subscribe(world, shards=1)
    aggregates = things(rounds(100, 2_000))
    publish(world, aggregates, each=5)

    async def behaviour(due: Due) -> Result:
        if due.subscription_id == slow:
            return Failed(reason="down", retry_after_s=3600.0)
        return await Receiver().behaviour(due)

    receiver = Receiver(behaviour)
    async with running(a_relay(world, receiver)):
        await eventually(
            lambda: (
                not world.rows(
                    "SELECT 1 FROM deliveries WHERE subscription_id = %s AND state = 'pending' LIMIT 1", quick
                )
            )
        )
    assert all(line == [1, 2, 3, 4, 5] for (one, _), line in receiver.lines().items() if one == quick)
    assert not is_settled(world)
    assert states(world)["delivered"] == 5 * len(aggregates)
