"""Whatever fails, dies or is sent again: first deliveries ascend without a gap, and nothing is pending for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from uuid import UUID

import psycopg
import pytest

from tests.database import DatabaseUrls
from tests.usecases.world import World, open_world, rounds, seeded
from tests.workers.relaying import (
    HANDLED,
    Receiver,
    a_relay,
    eventually,
    is_settled,
    kill,
    number,
    publish,
    running,
    states,
    subscribe,
    switch,
    things,
)
from vendorpay.domain.errors import Overloaded
from vendorpay.usecases.relay_target import Dead, Due, Failed, Paused, Result

pytestmark = pytest.mark.anyio

Line = tuple[UUID, UUID]


class Fickle(Receiver):
    """Fails at random; all instances write into one list, so that the order among them is known."""

    def __init__(self, chance: Random, got: list[Due]) -> None:
        super().__init__(self._behave, at_once=chance.choice([1, 3, 30]))
        self.got = got
        self._chance = chance

    async def _behave(self, due: Due) -> Result:
        await asyncio.sleep(self._chance.choice([0, 0, 0.001, 0.02]))
        draw = self._chance.random()
        if draw < 0.02:
            return Dead(reason="poison")
        if draw < 0.2:
            return Failed(reason="not now", retry_after_s=self._chance.choice([None, 0.01]))
        if draw < 0.23:
            return Paused(reason="in a moment", retry_after_s=0.01)
        if draw < 0.25:
            raise self._chance.choice([Overloaded, ValueError])
        return HANDLED


@asynccontextmanager
async def _a_life(urls: DatabaseUrls, chance: Random, got: list[Due]) -> AsyncIterator[asyncio.Task[None]]:
    async with open_world(urls, pool_size=3) as world, running(a_relay(world, Fickle(chance, got))) as task:
        yield task


async def _disturb(world: World, chance: Random, living: list[asyncio.Task[None]]) -> None:
    """Something bad, or nothing."""
    match chance.choice(["kill", "hang up", "thief", "off and on", "nothing"]):
        case "kill" if len(living) > 1:
            await kill(living.pop(chance.randrange(len(living))))
        case "hang up":
            world.rows(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND usename = 'vendorpay_app'"
            )
        case "thief":
            world.rows("UPDATE relay_leases SET holder = NULL, leased_until = '-infinity', epoch = epoch + 1")
        case "off and on":
            switch(world, active=False)
            await asyncio.sleep(0.05)
            switch(world, active=True)


def _check(world: World, got: list[Due], sent: int, per_line: int) -> None:
    lines: dict[Line, list[int]] = {}
    for due in got:
        lines.setdefault((due.subscription_id, due.event.aggregate_id), []).append(due.event.sequence)
    assert len(lines) == sent
    for line in lines.values():
        # What is dead was tried, too: so every event has a first delivery, and these ascend without a gap.
        assert list(dict.fromkeys(line)) == list(range(1, per_line + 1))
    assert set(states(world)) <= {"delivered", "dead"}
    assert world.rows("SELECT 1 FROM deliveries WHERE blocked") == []


async def test_whatever_happens_first_deliveries_ascend_and_nothing_is_pending_for_ever(
    world: World, database_urls: DatabaseUrls
) -> None:
    """correctness 15, peers.md 15"""
    chance = seeded("relays")
    got: list[Due] = []
    subscriptions = [subscribe(world, shards=chance.choice([1, 2, 16])) for _ in range(3)]
    aggregates = things(rounds(15, 100))
    per_line = rounds(6, 20)
    async with AsyncExitStack() as stack:
        living = [await stack.enter_async_context(_a_life(database_urls, chance, got)) for _ in range(3)]
        for n in range(1, per_line + 1):
            publish(world, chance.sample(aggregates, len(aggregates)), first=n)
            await _disturb(world, chance, living)
            if len(living) < 3:
                living.append(await stack.enter_async_context(_a_life(database_urls, chance, got)))
            await asyncio.sleep(chance.random() / 5)
        number(world)
        await eventually(lambda: is_settled(world), within_s=90)
    _check(world, got, len(subscriptions) * len(aggregates), per_line)


async def test_dead_letters_that_are_sent_again_come_later_than_what_was_behind_them(world: World) -> None:
    subscribe(world)
    broken = True

    async def behaviour(due: Due) -> Result:
        return Dead(reason="broken") if broken and due.event.sequence == 2 else HANDLED

    receiver = Receiver(behaviour)
    aggregates = things(3)
    publish(world, aggregates, each=3)
    async with running(a_relay(world, receiver)):
        await eventually(lambda: is_settled(world))
        assert states(world) == {"dead": 3, "delivered": 6}
        broken = False
        with psycopg.connect(world.urls.app) as connection:
            connection.execute(
                "UPDATE deliveries SET state = 'pending', attempts = 0, due_at = now(), settled_at = NULL"
                " WHERE state = 'dead'"
            )
        publish(world, aggregates, first=4)
        await eventually(lambda: states(world) == {"delivered": 12})
    for line in receiver.lines().values():
        assert line[:3] == [1, 2, 3]
        assert sorted(line[3:]) == [2, 4]
