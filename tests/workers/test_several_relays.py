"""Several relays on one database share the work, take over from the dead, and neither reorder nor lose anything."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from uuid import UUID, uuid4

import pytest

from tests.database import DatabaseUrls
from tests.usecases.world import World, open_world, rounds
from tests.workers.relaying import (
    HANDLED,
    Receiver,
    a_relay,
    eventually,
    is_settled,
    kill,
    publish,
    running,
    states,
    subscribe,
    things,
)
from vendorpay.usecases.relay_in_hand import InHand
from vendorpay.usecases.relay_leases import Leases, fair_share
from vendorpay.usecases.relay_target import Due, Result

pytestmark = pytest.mark.anyio


def held(world: World) -> list[int]:
    """How many shards each relay holds, the fewest first."""
    found = Counter(row["holder"] for row in world.rows("SELECT holder FROM relay_leases WHERE leased_until > now()"))
    return sorted(found.values())


def first_deliveries_ascend(receivers: list[Receiver]) -> None:
    """Of every aggregate each event came first after all before it; `got` of one receiver is in order of time."""
    (shared,) = {id(receiver.got): receiver.got for receiver in receivers}.values()
    for line in of_lines(shared).values():
        assert list(dict.fromkeys(line)) == sorted(set(line)), line


def of_lines(got: list[Due]) -> dict[tuple[UUID, UUID], list[int]]:
    """The sequences by subscription and aggregate, as they came."""
    lines: dict[tuple[UUID, UUID], list[int]] = {}
    for due in got:
        lines.setdefault((due.subscription_id, due.event.aggregate_id), []).append(due.event.sequence)
    return lines


@pytest.mark.parametrize(("leases", "relays"), [(16, 3), (1, 3), (0, 2), (64, 1), (7, 7)])
async def test_shares_are_fair_and_add_up(leases: int, relays: int) -> None:
    shares = [fair_share(leases, relays, before) for before in range(relays)]
    assert sum(shares) == leases
    assert max(shares) - min(shares) <= 1


async def test_a_relay_that_comes_gets_its_share_and_one_that_goes_leaves_it_to_the_others(world: World) -> None:
    subscribe(world, shards=16)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running(a_relay(world, Receiver())))
        await eventually(lambda: held(world) == [16])
        await stack.enter_async_context(running(a_relay(world, Receiver())))
        async with running(a_relay(world, Receiver())):
            await eventually(lambda: held(world) == [5, 5, 6])
        await eventually(lambda: held(world) == [8, 8])
    assert held(world) == []
    assert world.count("relay_presence") == 0


async def test_what_a_dead_relay_held_is_taken_over_when_its_leases_run_out(world: World) -> None:
    subscribe(world, shards=16)
    relays = [a_relay(world, Receiver(), lease_s=2.0) for _ in range(2)]  # none must run out before the first look
    async with running(relays[0]) as first, running(relays[1]):
        await eventually(lambda: held(world) == [8, 8])
        await kill(first)
        assert held(world) == [8, 8]
        await eventually(lambda: held(world) == [16])


async def test_what_was_delivered_and_not_recorded_is_delivered_again(world: World) -> None:
    """A crash between effect and record repeats the delivery; nothing is lost."""
    subscribe(world)
    publish(world, things(2), each=2)
    stuck = asyncio.Event()

    async def hang(_: Due) -> Result:
        await stuck.wait()
        return HANDLED

    first, second = Receiver(hang), Receiver()
    async with running(a_relay(world, first)) as doomed:
        await eventually(lambda: len(first.got) == 2)
        await kill(doomed)
    async with running(a_relay(world, second)):
        await eventually(lambda: is_settled(world))
    assert [due.event.sequence for due in first.got] == [1, 1]
    assert sorted(second.lines().values()) == [[1, 2], [1, 2]]
    assert {due.event.event_id for due in first.got} < {due.event.event_id for due in second.got}


async def test_an_orderly_stop_takes_seconds_even_when_a_receiver_hangs_and_frees_the_leases(world: World) -> None:
    subscribe(world)
    publish(world, things(1))
    loop = asyncio.get_running_loop()

    async def hang(_: Due) -> Result:
        await asyncio.sleep(60)
        return HANDLED

    receiver, successor = Receiver(hang), Receiver()
    async with running(a_relay(world, receiver, lease_s=60, stop_s=0.3)):
        await eventually(lambda: len(receiver.got) == 1)
        began = loop.time()
    assert loop.time() - began < 30, "the receiver hangs for a minute"
    async with running(a_relay(world, successor, lease_s=60)):
        await eventually(lambda: is_settled(world))
    assert len(successor.got) == 1


async def test_a_relay_that_was_stopped_beyond_its_lease_records_nothing(world: World) -> None:
    """As after a SIGSTOP: another has the shard, under a later epoch."""
    subscribe(world, shards=1)
    publish(world, things(1), each=2)
    go_on = asyncio.Event()

    async def late(_: Due) -> Result:
        await go_on.wait()
        return HANDLED

    slow = Receiver(late)
    async with running(a_relay(world, slow, lease_s=6.0)):  # it asks what is still its own after two seconds
        await eventually(lambda: len(slow.got) == 1)
        # Long enough for a busy machine; one of more than two leases would be a clock's mistake, and be taken.
        world.rows("UPDATE relay_leases SET holder = 'thief', epoch = epoch + 1, leased_until = now() + '11 seconds'")
        go_on.set()
        await asyncio.sleep(2.2)
        assert states(world) == {"pending": 2}
        assert len({due.delivery_id for due in slow.got}) == 1, "nor does it go on to the next"


async def test_three_relays_one_of_which_is_killed_deliver_everything_in_order(
    world: World, database_urls: DatabaseUrls
) -> None:
    """peers.md 15"""
    subscriptions = [subscribe(world, shards=16), subscribe(world, shards=1)]
    aggregates = things(rounds(40, 400))
    first = Receiver(at_once=20)

    async def slowly(_: Due) -> Result:
        await asyncio.sleep(0.001)
        return HANDLED

    first.behaviour = slowly
    receivers = [first, Receiver(slowly, at_once=20), Receiver(slowly, at_once=20)]
    for receiver in receivers:
        receiver.got = first.got  # one list, so that what came first is known
    async with AsyncExitStack() as stack:
        worlds = [await stack.enter_async_context(open_world(database_urls, pool_size=3)) for _ in receivers]
        relays = [a_relay(each, receiver) for each, receiver in zip(worlds, receivers, strict=True)]
        tasks = [await stack.enter_async_context(running(relay)) for relay in relays]
        for n in range(1, 6):
            publish(world, aggregates, first=n)
            for relay in relays:
                relay.nudge()
            if n == 2:
                await kill(tasks[0])
            if n == 4:
                world.rows(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND usename = 'vendorpay_app'"
                )
            await asyncio.sleep(0.1)
        await eventually(lambda: is_settled(world))
    assert states(world) == {"delivered": 5 * len(aggregates) * len(subscriptions)}
    first_deliveries_ascend(receivers)
    lines = of_lines(first.got)
    assert set(lines) == {(one, aggregate) for one in subscriptions for aggregate in aggregates}
    assert all(set(line) == {1, 2, 3, 4, 5} for line in lines.values())


async def test_the_databases_clock_may_go_back_by_an_hour(world: World) -> None:
    """A failover to a machine whose clock is right: what dead relays left behind lies an hour ahead."""
    subscribe(world, shards=8)
    async with running(a_relay(world, Receiver())) as doomed:
        await eventually(lambda: held(world) == [8])
        await kill(doomed)
    world.rows("UPDATE relay_leases SET leased_until = leased_until + interval '1 hour'")
    world.rows("UPDATE relay_presence SET seen_until = seen_until + interval '1 hour'")
    publish(world, things(20))
    async with running(a_relay(world, Receiver())) as living:
        await eventually(lambda: is_settled(world))
        world.rows("UPDATE relay_leases SET leased_until = leased_until + interval '1 hour'")
        world.rows("UPDATE relay_presence SET seen_until = seen_until + interval '1 hour'")
        async with running(a_relay(world, Receiver())):
            await eventually(lambda: held(world) == [4, 4])
        assert not living.done()


async def test_a_relay_leaves_alone_what_it_cannot_serve(world: World) -> None:
    """A process of an older version, which does not know a new consumer, must not take its events."""
    world.rows(
        "INSERT INTO subscriptions (subscription_id, kind, name, shards, created_at)"
        " SELECT uuid7_of(now()), 'consumer', name, 4, now() FROM unnest(ARRAY['old', 'new']) AS name"
    )
    old, new = Receiver(), Receiver()
    for receiver, names in ((old, {"old"}), (new, {"old", "new"})):
        receiver.kind = "consumer"
        receiver.names = frozenset(names)
    # What runs out goes to another, and comes once more.
    async with running(a_relay(world, old, lease_s=3.0)), running(a_relay(world, new, lease_s=3.0)):
        await eventually(lambda: held(world) == [2, 6])
        publish(world, things(20))
        await eventually(lambda: is_settled(world))
    assert {due.subscription_name for due in old.got} == {"old"}
    assert len(old.got) + len(new.got) == 40


async def test_names_of_relays_are_their_own(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases of a former life under the same name are not taken for ours: they run out, as everybody's."""
    subscribe(world, shards=4)
    name = f"relay-{uuid4()}"
    before = Leases(world.database, name, ["webhook"], InHand().is_busy, lease_s=60.0)
    await before.keep()
    assert len(before.usable()) == 4
    after = Leases(world.database, name, ["webhook"], InHand().is_busy, lease_s=60.0)
    await after.keep()
    assert after.usable() == {}
    loop = asyncio.get_running_loop()
    with monkeypatch.context() as later:
        in_a_minute = loop.time() + 60.1
        later.setattr(loop, "time", lambda: in_a_minute)
        assert before.usable() == {}, "not renewed in time: nothing is begun under it"
    world.rows("UPDATE relay_leases SET leased_until = leased_until - interval '61 seconds'")
    await after.keep()
    assert len(after.usable()) == 4


async def test_what_was_taken_by_a_look_that_was_cancelled_is_given_back_too(world: World) -> None:
    """The database took it for the name; nobody here ever heard of it."""
    subscribe(world, shards=4)
    name = f"relay-{uuid4()}"
    await Leases(world.database, name, ["webhook"], InHand().is_busy, lease_s=60.0).keep()
    assert held(world) == [4]
    await Leases(world.database, name, ["webhook"], InHand().is_busy, lease_s=60.0).give_back()
    assert held(world) == []
