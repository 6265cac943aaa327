"""Our own use cases as consumers: an effect for each event, exactly once, whatever is repeated or dies."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import msgspec
import pytest

from tests.database import DatabaseUrls
from tests.usecases.world import ORG, World, a_caller, open_world, rounds
from tests.workers.relaying import a_relay, eventually, is_settled, kill, number, running, states
from vendorpay.domain.feed import FeedEvent
from vendorpay.domain.retries import Schedule
from vendorpay.domain.roles import Role
from vendorpay.store.claims import EventClaim
from vendorpay.usecases import consume_events
from vendorpay.usecases.command import Command, Facts, Outcome
from vendorpay.usecases.consume_events import AT_ONCE, ConsumerTarget, Route, claim_of, settled_by
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.hold_payment import HoldPayment
from vendorpay.usecases.relay_target import Due, Result

pytestmark = pytest.mark.anyio

NAME = "holder"


@dataclass(frozen=True, kw_only=True)
class HoldForEvent(HoldPayment):
    """Holds the payment that an event tells of."""

    operation = "hold_for_event"

    event: FeedEvent

    def event_claim(self) -> EventClaim:
        return claim_of(NAME, self.event)

    def decide(self, facts: Facts) -> Outcome:
        if facts.seen is not None:
            return Outcome(answer=b"{}", payment_id=facts.seen)
        return msgspec.structs.replace(super().decide(facts), settled_event=settled_by(NAME, self.event))


def hold(deps: Deps, event: FeedEvent) -> Command | None:
    """A hold on every payment that is created."""
    return HoldForEvent(
        command_id=deps.new_id(deps.now()),
        caller=a_caller(Role.SERVICE, f"consumer:{NAME}", org_id=event.org_id),
        payment_id=event.aggregate_id,
        reason="looked at by a test",
        event=event,
    )


HOLDING = Route(consumer=NAME, event_types=("PaymentCreated",), command=hold)


class Impatient(ConsumerTarget):
    """The consumers' target with pauses of a test."""

    schedule = Schedule((0.02,) * 9)


def holds(world: World) -> int:
    """How many holds were placed."""
    return len(world.rows("SELECT 1 FROM payment_audit_log WHERE action = 'payment_held'"))


async def created(world: World, count: int) -> None:
    """So many new payments, their events in line."""
    for _ in range(count):
        await world.create()
    number(world)


async def test_each_event_has_its_effect_once_and_is_in_the_inbox(world: World) -> None:
    """peers.md 15"""
    async with running(a_relay(world, ConsumerTarget(world.deps, (HOLDING,)))):
        await eventually(lambda: world.count("subscriptions") == 1)
        await created(world, 3)
        await eventually(lambda: is_settled(world) and states(world) == {"delivered": 3})
    inbox = world.rows("SELECT source, payment_id FROM inbox")
    assert {row["source"] for row in inbox} == {f"consumer:{NAME}"}
    assert {row["payment_id"] for row in inbox} == {
        row["payment_id"] for row in world.rows("SELECT payment_id FROM payments WHERE open_holds = 1")
    }
    assert world.count("delivery_attempts") == 0, "what goes well is not logged"
    assert (await world.audit()).clean


async def test_callers_who_press_come_first_but_not_for_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consume_events, "GIVE_WAY_LOOK_S", 0.01)
    pressing = True
    async with running(a_relay(world, ConsumerTarget(world.deps, (HOLDING,), pressed=lambda: pressing))):
        await eventually(lambda: world.count("subscriptions") == 1)
        await created(world, 1)
        await asyncio.sleep(0.5)
        assert states(world) == {"pending": 1}, "they press"
        pressing = False
        await eventually(lambda: states(world) == {"delivered": 1})
        monkeypatch.setattr(consume_events, "GIVE_WAY_S_MAX", 0.2)
        pressing = True
        await created(world, 1)
        await eventually(lambda: states(world) == {"delivered": 2})


async def test_while_callers_press_events_go_on_in_crowds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many together cost little more than one; the others give way once more."""
    monkeypatch.setattr(consume_events, "GIVE_WAY_LOOK_S", 0.01)
    monkeypatch.setattr(consume_events, "GIVE_WAY_S_MAX", 0.5)
    monkeypatch.setattr(consume_events, "CROWD_MAX", 3)
    monkeypatch.setattr(consume_events, "CROWD_S", 60.0)  # a busy machine's crowd goes through the door slowly
    pressing = True

    def hold_one(deps: Deps, event: FeedEvent) -> Command | None:
        # Who comes behind the crowd gives way for longer than the test looks.
        monkeypatch.setattr(consume_events, "GIVE_WAY_S_MAX", 60.0)
        return hold(deps, event)

    holding = Route(consumer=NAME, event_types=("PaymentCreated",), command=hold_one)
    async with running(a_relay(world, ConsumerTarget(world.deps, (holding,), pressed=lambda: pressing))):
        await eventually(lambda: world.count("subscriptions") == 1)
        await created(world, 5)
        await eventually(lambda: states(world) == {"delivered": 3, "pending": 2})
        pressing = False
        await eventually(lambda: states(world) == {"delivered": 5})


async def test_a_repeated_delivery_has_no_second_effect(world: World) -> None:
    target = ConsumerTarget(world.deps, (HOLDING,))
    async with running(a_relay(world, target)):
        await eventually(lambda: world.count("subscriptions") == 1)
        await created(world, 4)
        await eventually(lambda: states(world) == {"delivered": 4})
        world.rows("UPDATE deliveries SET state = 'pending', settled_at = NULL")
        await eventually(lambda: states(world) == {"delivered": 4})
    assert holds(world) == 4


async def test_a_death_between_effect_and_record_has_no_second_effect(
    world: World, database_urls: DatabaseUrls
) -> None:
    class Dying(ConsumerTarget):
        """Carries out the command, and dies before that is recorded."""

        done = 0

        async def deliver(self, due: Due) -> Result:
            await super().deliver(due)
            Dying.done += 1
            await asyncio.sleep(60)
            raise AssertionError("it was killed")

    many = rounds(20, 500)
    async with (
        open_world(database_urls, pool_size=3) as other,
        running(a_relay(other, Dying(other.deps, (HOLDING,)))) as doomed,
    ):
        await eventually(lambda: world.count("subscriptions") == 1)
        await created(world, many)
        await eventually(lambda: Dying.done == min(many, AT_ONCE))
        await kill(doomed)
    assert states(world) == {"pending": many}
    async with running(a_relay(world, ConsumerTarget(world.deps, (HOLDING,)))):
        await eventually(lambda: states(world) == {"delivered": many})
    assert holds(world) == many
    assert world.count("inbox") == many


async def test_a_command_that_is_refused_ten_times_is_a_dead_letter_with_the_reason(world: World) -> None:
    async with running(a_relay(world, Impatient(world.deps, (HOLDING,)))):
        await eventually(lambda: world.count("subscriptions") == 1)
        await world.reject((await world.create()).payment_id)
        number(world)
        await eventually(lambda: states(world) == {"dead": 1})
    (row,) = world.rows("SELECT attempts, last_error FROM deliveries")
    assert row["attempts"] == 10
    assert row["last_error"].startswith("invalid_transition: ")
    assert world.count("delivery_attempts") == 10
    assert world.count("inbox") == 0


async def test_a_route_that_is_wrong_fails_its_own_events_and_one_with_nothing_to_do_is_done(world: World) -> None:
    def broken(_: Deps, event: FeedEvent) -> Command | None:
        raise KeyError(event.event_type)

    async def nothing(_: Deps, __: FeedEvent) -> Command | None:
        return None

    def claimless(deps: Deps, event: FeedEvent) -> Command | None:
        return world.rejection(event.aggregate_id)

    routes = (
        Route(consumer="broken", event_types=(), command=broken, shards=1),
        Route(consumer="nothing", event_types=(), command=nothing, shards=2),
        Route(consumer="claimless", event_types=(), command=claimless, shards=4),
        HOLDING,
    )
    async with running(a_relay(world, Impatient(world.deps, routes))):
        await eventually(lambda: world.count("subscriptions") == 4)
        await created(world, 2)
        await eventually(lambda: len(world.rows("SELECT 1 FROM deliveries WHERE state <> 'pending'")) >= 8)
    found = world.rows(
        "SELECT s.name, d.state, d.last_error FROM deliveries d JOIN subscriptions s USING (subscription_id)"
        " WHERE d.event_type = 'PaymentCreated'"
    )
    assert {(row["name"], row["state"], row["last_error"]) for row in found} == {
        ("broken", "dead", "KeyError"),
        ("nothing", "delivered", None),
        ("claimless", "dead", "TypeError"),
        (NAME, "delivered", None),
    }


async def test_a_consumer_hears_of_every_organisation_and_a_changed_route_changes_what_it_hears(world: World) -> None:
    async def nothing(_: Deps, __: FeedEvent) -> Command | None:
        return None

    for types in (("PaymentCreated",), ("PaymentRejected", "PaymentHeld")):
        await ConsumerTarget(world.deps, (Route(consumer="one", event_types=types, command=nothing),)).prepare()
        (row,) = world.rows("SELECT event_types, shards, org_id FROM subscriptions")
        assert (set(row["event_types"]), row["shards"], row["org_id"]) == (set(types), 16, None)
    payment = await world.create()
    await world.reject(payment.payment_id)
    number(world)
    assert [row["event_type"] for row in world.rows("SELECT event_type, org_id FROM deliveries")] == ["PaymentRejected"]
    assert world.rows("SELECT org_id FROM deliveries") == [{"org_id": ORG}]


async def test_a_consumer_that_is_switched_off_is_in_no_line_until_it_is_switched_on(world: World) -> None:
    off = ConsumerTarget(world.deps, (HOLDING,), switched_off={NAME})
    assert off.names == frozenset()
    await off.prepare()
    assert world.count("subscriptions") == 0
    on = ConsumerTarget(world.deps, (HOLDING,))
    await on.prepare()
    await created(world, 1)
    assert states(world) == {"pending": 1}
    async with running(a_relay(world, off)):
        await eventually(lambda: world.rows("SELECT active FROM subscriptions") == [{"active": False}])
        await created(world, 2)
        await asyncio.sleep(0.3)
        assert states(world) == {"pending": 1}, "what came meanwhile is not even put in line"
    async with running(a_relay(world, on)):
        await eventually(lambda: states(world) == {"delivered": 1})
        await created(world, 1)
        await eventually(lambda: states(world) == {"delivered": 2})
