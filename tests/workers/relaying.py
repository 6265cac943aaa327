"""Events in line, a receiver that does what a test says, and relays that run beside the test."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg

from tests.usecases.world import ORG, World
from vendorpay.domain.retries import Schedule
from vendorpay.entrypoints.ids import new_id, system_now
from vendorpay.usecases.relay_target import Delivered, Due, Result, Target
from vendorpay.workers.relay import Relay

PATIENCE_S = 60.0
LEASE_S = 1.0
"""Short, for tests that wait until one runs out. Where none may, on however busy a machine, it is longer."""
SHORT = Schedule((0.02, 0.02, 0.02))
"""Four tries in a twinkling."""
HANDLED = Delivered()
_numbers = itertools.count(1)

Behaviour = Callable[[Due], Awaitable[Result]]


async def takes_all(_: Due) -> Result:
    """The receiver that takes everything."""
    return HANDLED


class Receiver:
    """A target that remembers what it got and does as it is told."""

    kind = "webhook"
    names: frozenset[str] | None = None

    def __init__(self, behaviour: Behaviour = takes_all, *, schedule: Schedule = SHORT, at_once: int = 10) -> None:
        self.behaviour = behaviour
        self.schedule = schedule
        self.most = at_once
        self.got: list[Due] = []
        self.under_way = 0
        self.under_way_most = 0

    async def prepare(self) -> None:
        """The tests make the subscriptions."""

    async def at_once(self, subscription_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        """The same for all."""
        return dict.fromkeys(subscription_ids, self.most)

    async def deliver(self, due: Due) -> Result:
        """Remembers the event, then behaves."""
        self.got.append(due)
        self.under_way += 1
        self.under_way_most = max(self.under_way_most, self.under_way)
        try:
            return await self.behaviour(due)
        finally:
            self.under_way -= 1

    def lines(self) -> dict[tuple[UUID, UUID], list[int]]:
        """The sequences that came, in their order, by subscription and aggregate."""
        found: dict[tuple[UUID, UUID], list[int]] = defaultdict(list)
        for due in self.got:
            found[due.subscription_id, due.event.aggregate_id].append(due.event.sequence)
        return dict(found)


def without_rules(world: World, statement: str, *parameters: Any) -> None:
    """A statement of a superuser for whom no trigger fires: what stands behind a subscription is no matter here."""
    with psycopg.connect(world.urls.superuser) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(statement.encode(), parameters)


def subscribe(world: World, *, shards: int = 8, event_types: Sequence[str] = (), org_id: str = ORG) -> UUID:
    """A subscription of an organisation, for all events from now on."""
    (subscription_id,) = subscribe_all(world, 1, shards=shards, event_types=event_types, org_id=org_id)
    return subscription_id


def subscribe_all(
    world: World, count: int, *, shards: int = 8, event_types: Sequence[str] = (), org_id: str = ORG
) -> list[UUID]:
    """So many of them, by one statement."""
    subscription_ids = [new_id(world.clock()) for _ in range(count)]
    without_rules(
        world,
        "INSERT INTO subscriptions (subscription_id, kind, name, org_id, event_types, shards, created_at)"
        " SELECT s.id, 'webhook', s.name, %s, %s, %s, now() FROM unnest(%s::uuid[], %s::text[]) AS s (id, name)",
        org_id,
        list(event_types),
        shards,
        subscription_ids,
        [f"receiver-{next(_numbers)}" for _ in subscription_ids],
    )
    return subscription_ids


def switch(world: World, *, active: bool) -> None:
    """Switches every subscription on or off."""
    without_rules(world, "UPDATE subscriptions SET active = %s", active)


def publish(world: World, aggregates: Sequence[UUID], *, first: int = 1, each: int = 1, org_id: str = ORG) -> None:
    """Puts events `first`, `first` + 1, .. of things that are no payments in the outbox, and numbers them."""
    with psycopg.connect(world.urls.app) as connection:
        connection.execute(
            "INSERT INTO outbox"
            " (org_id, aggregate_type, aggregate_id, sequence, event_id, event_type, detail, occurred_at)"
            " SELECT %s, 'thing', a, n, gen_random_uuid(), 'ThingHappened', json_build_object('n', n), now()"
            " FROM unnest(%s::uuid[]) AS a CROSS JOIN generate_series(%s::int, %s::int) AS n",
            (org_id, list(aggregates), first, first + each - 1),
        )
    number(world)


def number(world: World) -> None:
    """Gives every committed event its position, and puts it in line."""
    with psycopg.connect(world.urls.app, autocommit=True) as connection:
        while True:
            row = connection.execute("SELECT outcome FROM number_stream('feed', 10000, NULL)").fetchone()
            if row and row[0] == "done":
                return
            assert row, "number_stream says how it ended"
            assert row[0] == "more", row


def things(count: int) -> list[UUID]:
    """Ids of new things."""
    return [new_id(system_now()) for _ in range(count)]


def states(world: World) -> dict[str, int]:
    """How many deliveries are in which state."""
    return {row["state"]: row["n"] for row in world.rows("SELECT state, count(*) AS n FROM deliveries GROUP BY state")}


def is_settled(world: World) -> bool:
    """Whether nothing is pending."""
    return "pending" not in states(world)


async def eventually(condition: Callable[[], bool], *, within_s: float = PATIENCE_S) -> None:
    """Waits until the condition holds; fails when it does not in time."""
    now = asyncio.get_running_loop().time
    deadline = now() + within_s
    while True:
        began = now()
        if condition():
            return
        assert began < deadline, "it did not happen in time"
        # A condition that asks the database keeps the loop from what it waits for: a quarter of the time at most.
        await asyncio.sleep(max(0.02, 3 * (now() - began)))


def a_relay(world: World, *targets: Target, lease_s: float = LEASE_S, stop_s: float = 2.0) -> Relay:
    """A relay under a name of its own."""
    return Relay(world.deps, targets, f"relay-{uuid4()}", lease_s=lease_s, idle_s=0.02, stop_s=stop_s)


@asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[asyncio.Task[None]]:
    """The relay at work; stopped in order at the end, unless the test has cancelled it."""
    stop = asyncio.Event()
    task = asyncio.create_task(relay.run(stop))
    try:
        yield task
    finally:
        stop.set()
        await asyncio.wait([task])
    if not task.cancelled():
        task.result()


async def kill(task: asyncio.Task[None]) -> None:
    """Ends a relay as if its process had died: nothing is recorded and nothing given back."""
    task.cancel()
    await asyncio.wait([task])
