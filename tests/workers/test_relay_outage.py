"""A database that goes away only pauses the relay: it says so once, waits, and goes on where it was."""

from __future__ import annotations

import asyncio

import pytest

from tests.database import DatabaseUrls
from tests.usecases.wire import Fault, wire_to
from tests.usecases.world import World, open_world
from tests.workers.relaying import (
    HANDLED,
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
from vendorpay import observe
from vendorpay.store import standing
from vendorpay.usecases.relay_target import Due, Result

pytestmark = pytest.mark.anyio

AWAY, BACK = "the relay waits for the database", "the relay works again"


async def test_while_the_database_is_away_the_relay_waits_and_then_goes_on(
    world: World, database_urls: DatabaseUrls
) -> None:
    subscribe(world)
    meanwhile = asyncio.Event()

    async def behaviour(due: Due) -> Result:
        if due.event.sequence == 2:
            await meanwhile.wait()
        return HANDLED

    receiver = Receiver(behaviour)
    publish(world, things(5), each=3)
    async with (
        wire_to(database_urls.app) as (wire, url),
        open_world(database_urls, app_url=url) as cut_off,
        running(a_relay(cut_off, receiver, lease_s=5)),
    ):
        await eventually(lambda: len(receiver.got) == 10)
        wire.down = True
        wire.cut_all()
        meanwhile.set()
        await asyncio.sleep(1.0)
        assert len(receiver.got) == 10, "nothing goes on before what came of it is recorded"
        wire.down = False
        await eventually(lambda: is_settled(world))
    assert all(line == [1, 2, 3] for line in receiver.lines().values()), "and nothing came twice"


async def test_the_log_says_once_that_it_waits_and_once_that_it_goes_on(
    world: World, database_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe(world)
    publish(world, things(2))
    said: list[str] = []
    for level in ("info", "warning"):
        monkeypatch.setattr(observe, level, lambda event, **_: said.append(event))
    async with wire_to(database_urls.app) as (wire, url), open_world(database_urls, app_url=url) as cut_off:
        wire.strike_at(b"AS head_id", Fault.CUT_BEFORE, times=2)
        async with running(a_relay(cut_off, Receiver(), lease_s=60)):
            await eventually(lambda: is_settled(world))
        assert wire.struck == 2
    assert [event for event in said if event in (AWAY, BACK)] == [AWAY, BACK]


async def test_a_result_whose_recording_was_cut_off_is_recorded_once(world: World, database_urls: DatabaseUrls) -> None:
    subscribe(world)
    receiver = Receiver()
    publish(world, things(3), each=2)
    async with wire_to(database_urls.app) as (wire, url), open_world(database_urls, app_url=url) as cut_off:
        wire.strike_at(b"delivery_attempts", Fault.CUT_AFTER)
        async with running(a_relay(cut_off, receiver)):
            await eventually(lambda: is_settled(world))
        assert wire.struck == 1
    assert states(world) == {"delivered": 6}
    assert {row["attempts"] for row in world.rows("SELECT attempts FROM deliveries")} == {1}
    assert all(line == [1, 2] for line in receiver.lines().values())


async def test_the_standing_tells_what_waits_and_what_is_dead_by_kind(world: World) -> None:
    subscribe(world)
    publish(world, things(4))
    world.rows("UPDATE deliveries SET created_at = now() - interval '90 seconds'")
    world.rows("UPDATE deliveries SET state = 'dead', settled_at = now() WHERE position = 1")
    world.rows("UPDATE deliveries SET state = 'delivered', settled_at = now() WHERE position = 3")
    async with world.database.reading() as connection:
        found = {row["kind"]: row for row in (await standing.look(connection)).deliveries}
    assert (found["webhook"]["pending"], found["webhook"]["dead"], found["consumer"]["pending"]) == (2, 1, 0)
    assert 90 <= found["webhook"]["oldest_s"] < 120
