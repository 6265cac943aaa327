"""Events go on the bus in groups, each is told of by itself, and what the bus cannot take holds up nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec
import pytest

from tests.database import DatabaseUrls
from tests.usecases.world import ORG, World, open_world, rounds
from tests.workers.relaying import (
    a_relay,
    eventually,
    is_settled,
    kill,
    number,
    publish,
    running,
    states,
    things,
    without_rules,
)
from vendorpay.domain.retries import Schedule
from vendorpay.ports import BUS_BYTES_MAX, BUS_ENTRIES_MAX, BusEntry, BusUnavailable
from vendorpay.usecases.publish_to_bus import BusTarget
from vendorpay.usecases.relay_target import Due, Result

pytestmark = pytest.mark.anyio

QUICK = Schedule((0.02,) * 4)


class Bus:
    """A bus that remembers what it took, and refuses what it is told to refuse."""

    def __init__(self, refuses: Callable[[BusEntry], str | None] = lambda _: None) -> None:
        self.refuses = refuses
        self.away = False
        self.calls: list[int] = []
        self.taken: list[BusEntry] = []

    async def put(self, entries: Sequence[BusEntry]) -> list[str | None]:
        assert len(entries) <= BUS_ENTRIES_MAX
        assert sum(entry.size_bytes for entry in entries) <= BUS_BYTES_MAX
        self.calls.append(len(entries))
        await asyncio.sleep(0.001)
        if self.away:
            raise BusUnavailable("no answer")
        said = [self.refuses(entry) for entry in entries]
        self.taken += [entry for entry, refusal in zip(entries, said, strict=True) if refusal is None]
        return said

    def lines(self) -> dict[str, list[int]]:
        """The sequences that came, in their order, by what they are about."""
        found: dict[str, list[int]] = {}
        for entry in self.taken:
            detail = msgspec.json.decode(entry.detail)
            found.setdefault(detail["a"], []).append(detail["n"])
        return found


def target(world: World, bus: Bus) -> BusTarget:
    """The target with pauses of a test."""
    return BusTarget(world.deps, bus, schedule=QUICK, away_s=0.1)


def published(world: World, count: int, *, each: int = 1, padding: int = 0) -> None:
    """So many things happen, each so often; `padding` makes the first one's events larger."""
    ids = things(count)
    publish(world, ids, each=each)
    without_rules(
        world,
        "UPDATE outbox SET detail = json_build_object('a', aggregate_id, 'n', sequence,"
        " 'padding', CASE WHEN aggregate_id = %s THEN repeat('x', %s) ELSE '' END) WHERE aggregate_id = ANY (%s)",
        ids[0],
        padding,
        ids,
    )


async def test_a_payments_events_come_in_order_with_position_and_organisation(world: World) -> None:
    """origin 8: the source and the types are those of one contract, whoever listens."""
    bus = Bus()
    async with running(a_relay(world, target(world, bus))):
        await eventually(lambda: world.count("subscriptions") == 1)
        payment = await world.create()
        await world.approve(payment.payment_id)
        number(world)
        await eventually(lambda: states(world) == {"delivered": len(bus.taken)} and len(bus.taken) >= 2)
    assert [entry.source for entry in bus.taken] == ["roadcall.payment-service"] * len(bus.taken)
    assert [entry.detail_type for entry in bus.taken][:2] == ["PaymentCreated", "PaymentApproved"]
    details = [msgspec.json.decode(entry.detail) for entry in bus.taken]
    assert [detail["sequence"] for detail in details] == list(range(1, len(details) + 1))
    assert [detail["position"] for detail in details] == list(range(1, len(details) + 1))
    assert {(detail["orgId"], detail["paymentId"], detail["version"]) for detail in details} == {
        (ORG, str(payment.payment_id), "1")
    }


async def test_many_go_in_groups_of_ten(world: World) -> None:
    bus = Bus()
    await target(world, bus).prepare()
    published(world, 100)
    async with running(a_relay(world, target(world, bus))):
        await eventually(lambda: states(world) == {"delivered": 100})
    assert len(bus.calls) <= 30, bus.calls
    assert max(bus.calls) == BUS_ENTRIES_MAX


async def test_an_entry_that_is_refused_is_tried_again_and_its_neighbours_are_not(world: World) -> None:
    """origin 28"""
    refused: Counter[bytes] = Counter()

    def refuses(entry: BusEntry) -> str | None:
        refused[entry.detail] += 1
        return "ThrottlingException" if refused[entry.detail] == 1 and b'"n" : 2' in entry.detail else None

    bus = Bus(refuses)
    await target(world, bus).prepare()
    published(world, 20, each=3)
    async with running(a_relay(world, target(world, bus))):
        await eventually(lambda: is_settled(world))
    assert states(world) == {"delivered": 60}
    assert list(bus.lines().values()) == [[1, 2, 3]] * 20
    assert Counter(refused.values()) == {1: 40, 2: 20}
    (tries,) = world.rows("SELECT DISTINCT error FROM delivery_attempts")
    assert tries == {"error": "the bus refused it: ThrottlingException"}


async def test_what_is_refused_to_the_end_is_a_dead_letter_and_the_next_of_its_line_goes_on(world: World) -> None:
    """origin 28: not a silent loss."""
    bus = Bus(lambda entry: "MalformedDetail" if b'"n" : 1' in entry.detail else None)
    await target(world, bus).prepare()
    published(world, 3, each=2)
    async with running(a_relay(world, target(world, bus))):
        await eventually(lambda: is_settled(world))
    assert states(world) == {"dead": 3, "delivered": 3}
    (dead,) = world.rows("SELECT DISTINCT attempts, last_error FROM deliveries WHERE state = 'dead'")
    assert dead == {"attempts": QUICK.attempts_max, "last_error": "the bus refused it: MalformedDetail"}


async def test_an_event_that_is_too_large_is_a_dead_letter_at_once_and_large_ones_go_in_smaller_groups(
    world: World,
) -> None:
    bus = Bus()
    await target(world, bus).prepare()
    published(world, 1, padding=BUS_BYTES_MAX)
    published(world, 1, padding=BUS_BYTES_MAX // 2)
    published(world, 1, padding=BUS_BYTES_MAX - 1_000)
    async with running(a_relay(world, target(world, bus))):
        await eventually(lambda: is_settled(world))
    assert states(world) == {"dead": 1, "delivered": 2}
    (dead,) = world.rows("SELECT attempts, last_error FROM deliveries WHERE state = 'dead'")
    assert dead["attempts"] == 1
    assert dead["last_error"].startswith(f"the bus takes {BUS_BYTES_MAX} bytes, and the event has ")


async def test_a_bus_that_is_away_counts_as_no_try_and_loses_nothing(world: World) -> None:
    bus = Bus()
    bus.away = True
    await target(world, bus).prepare()
    published(world, 10, each=2)
    async with running(a_relay(world, target(world, bus))):
        await eventually(lambda: len(bus.calls) >= 10)
        assert states(world) == {"pending": 20}
        bus.away = False
        await eventually(lambda: is_settled(world))
    assert list(bus.lines().values()) == [[1, 2]] * 10
    assert world.rows("SELECT DISTINCT attempts FROM deliveries") == [{"attempts": 1}]
    assert world.count("delivery_attempts") == 0


async def test_a_bus_that_breaks_leaves_nobody_waiting(world: World) -> None:
    def breaks(_: BusEntry) -> str | None:
        raise ZeroDivisionError

    bus = Bus(breaks)
    await target(world, bus).prepare()
    published(world, 3)
    async with running(a_relay(world, target(world, bus))):
        await eventually(lambda: is_settled(world))
    assert world.rows("SELECT DISTINCT state, last_error FROM deliveries") == [
        {"state": "dead", "last_error": "the bus refused it: ZeroDivisionError"}
    ]


async def test_a_relay_that_dies_after_sending_repeats_and_loses_nothing(
    world: World, database_urls: DatabaseUrls
) -> None:
    class Dying(BusTarget):
        """Sends, and never tells."""

        async def deliver(self, due: Due) -> Result:
            await super().deliver(due)
            await asyncio.sleep(60)
            raise AssertionError("it was killed")

    many = rounds(30, 1_000)
    bus = Bus()
    await target(world, bus).prepare()
    published(world, many)
    async with open_world(database_urls, pool_size=3) as other, running(a_relay(other, Dying(other.deps, bus))) as task:
        await eventually(lambda: len(bus.taken) >= min(many, 50))
        await kill(task)
    assert states(world) == {"pending": many}
    async with running(a_relay(world, target(world, bus))):
        await eventually(lambda: states(world) == {"delivered": many})
    assert len({entry.detail for entry in bus.taken}) == many
