"""Receivers that answer slowly, however many, and of one organisation or of several, keep nobody else waiting."""

from __future__ import annotations

import asyncio
from collections import Counter
from uuid import UUID, uuid4

import pytest

from tests.usecases.world import World
from tests.workers.relaying import (
    HANDLED,
    Receiver,
    a_relay,
    eventually,
    kill,
    publish,
    running,
    subscribe,
    subscribe_all,
    things,
)
from vendorpay.store.relay_leases import Lease, Shard
from vendorpay.usecases.relay_room import ORGANISATIONS_MIN, ROOM_MAX, Room
from vendorpay.usecases.relay_target import Due, Result

pytestmark = pytest.mark.anyio

WEBHOOKS_MAX = ROOM_MAX["webhook"]
OF_ONE_ORGANISATION_MAX = WEBHOOKS_MAX // ORGANISATIONS_MIN


class Slow(Receiver):
    """Answers to all but `fast` only after `slow_s`; knows how many are under way for whom."""

    def __init__(self, *, slow_s: float = 60.0, at_once: int = 10) -> None:
        super().__init__(self.answers, at_once=at_once)
        self.fast: set[UUID] = set()
        self.slow_s = slow_s
        self.of_organisation: Counter[str] = Counter()
        self.of_organisation_most: Counter[str] = Counter()
        self.arrived_at: dict[UUID, list[float]] = {}

    async def answers(self, due: Due) -> Result:
        """After its time."""
        if due.subscription_id in self.fast:
            self.arrived_at.setdefault(due.subscription_id, []).append(asyncio.get_running_loop().time())
            return HANDLED
        org_id = due.event.org_id
        self.of_organisation[org_id] += 1
        self.of_organisation_most[org_id] = max(self.of_organisation_most[org_id], self.of_organisation[org_id])
        try:
            await asyncio.sleep(self.slow_s)
        finally:
            self.of_organisation[org_id] -= 1
        return HANDLED


def crowd(world: World, org_id: str, *, endpoints: int = 20, events: int = 15) -> None:
    """Endpoints of one organisation, with much in line for each."""
    subscribe_all(world, endpoints, shards=1, org_id=org_id)
    publish(world, things(events), org_id=org_id)


async def test_one_organisation_gets_a_part_of_the_room_and_another_is_served_at_once(world: World) -> None:
    crowd(world, "slow")
    receiver = Slow()
    receiver.fast = {subscribe(world, shards=1, org_id="fast")}
    relay = a_relay(world, receiver)
    async with running(relay) as task:
        await eventually(lambda: receiver.of_organisation["slow"] >= OF_ONE_ORGANISATION_MAX)
        began = asyncio.get_running_loop().time()
        publish(world, things(100), org_id="fast")
        relay.nudge()
        await eventually(lambda: sum(map(len, receiver.arrived_at.values())) == 100)
        (arrived,) = receiver.arrived_at.values()
        await kill(task)
    assert receiver.of_organisation_most["slow"] == OF_ONE_ORGANISATION_MAX
    assert max(arrived) - began < receiver.slow_s / 2, "with everything else at a standstill"


async def test_the_room_has_a_limit_in_one_look_too_and_what_gets_free_goes_to_who_has_least(world: World) -> None:
    """Five slow organisations could fill the room and have ten times as much in line; a sixth comes later."""
    slow = [f"slow-{n}" for n in range(5)]
    for org_id in slow:
        crowd(world, org_id, events=40)
    receiver = Slow(slow_s=1.0)
    receiver.fast = {subscribe(world, shards=1, org_id="fast")}
    relay = a_relay(world, receiver)
    async with running(relay) as task:
        await eventually(lambda: receiver.under_way >= WEBHOOKS_MAX)
        assert {receiver.of_organisation[org_id] for org_id in slow} == {WEBHOOKS_MAX // len(slow)}
        publish(world, things(10), org_id="fast")
        relay.nudge()
        await eventually(lambda: sum(map(len, receiver.arrived_at.values())) == 10)
        waiting = world.rows("SELECT count(*) AS n FROM deliveries WHERE state = 'pending'")[0]["n"]
        await kill(task)
    assert receiver.under_way_most == WEBHOOKS_MAX
    assert max(receiver.of_organisation_most.values()) <= OF_ONE_ORGANISATION_MAX
    assert waiting > 2_000, "thousands were due before it"


async def test_webhooks_take_no_room_of_our_own_consumers_nor_they_of_them() -> None:
    ours = lease("consumer:ours", None)
    theirs = [lease("webhook", f"org-{n}") for n in range(8)]
    room = Room({one.shard.subscription_id: 1000 for one in (ours, *theirs)}, {})
    for one in theirs:
        while room.left(one):
            room.take(one)
    assert room.left(ours) == ROOM_MAX["consumer"]
    for _ in range(ROOM_MAX["consumer"]):
        room.take(ours)
    assert room.left(ours) == 0
    room.give_back(theirs[0])
    assert [room.left(one) for one in theirs[:2]] == [1, 0]


async def test_of_one_organisation_the_endpoint_with_least_under_way_comes_next() -> None:
    busy, idle, other = lease("webhook", "one"), lease("webhook", "one"), lease("webhook", "two")
    room = Room({}, {})
    for _ in range(3):
        room.take(busy)
    room.take(other)
    assert sorted([busy, idle, other], key=room.turn) == [other, idle, busy]


def lease(line: str, org_id: str | None) -> Lease:
    return Lease(shard=Shard(uuid4(), 0), epoch=1, line=line, org_id=org_id, active=True)
