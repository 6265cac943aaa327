"""The relay alone: at least once, in the order of each aggregate, and nobody held up by another's trouble."""

from __future__ import annotations

import asyncio

import pytest

from tests.usecases.world import ORG, World
from tests.workers.relaying import (
    HANDLED,
    Receiver,
    a_relay,
    eventually,
    is_settled,
    number,
    publish,
    running,
    states,
    subscribe,
    switch,
    things,
)
from vendorpay.domain.errors import DatabaseUnavailable
from vendorpay.domain.retries import Schedule
from vendorpay.usecases.relay_target import AttemptLog, Dead, Delivered, Due, Failed, Paused, Result

pytestmark = pytest.mark.anyio


async def test_every_event_of_every_change_arrives_in_the_order_of_its_payment(world: World) -> None:
    """peers.md 15"""
    subscribe(world)
    receiver = Receiver()
    async with running(a_relay(world, receiver)):
        payments = [(await world.create()).payment_id for _ in range(5)]
        for payment_id in payments:
            await world.approve(payment_id)
            await world.cancel(payment_id)
        number(world)
        await eventually(lambda: is_settled(world))
    assert states(world) == {"delivered": 15}
    lines = {aggregate: found for (_, aggregate), found in receiver.lines().items()}
    assert lines == {one: [1, 2, 3] for one in payments}
    stored = {(row["aggregate_id"], row["sequence"]): row for row in world.rows("SELECT * FROM outbox")}
    for due in receiver.got:
        row = stored[due.event.aggregate_id, due.event.sequence]
        assert (due.event.event_id, due.event.event_type) == (row["event_id"], row["event_type"])
        assert (due.event.org_id, due.event.aggregate_type, due.attempt) == (ORG, "payment", 1)


async def test_a_subscription_gets_its_own_organisations_events_of_its_types_alone(world: World) -> None:
    picky, other = subscribe(world, event_types=["PaymentApproved"]), subscribe(world, org_id="elsewhere")
    receiver = Receiver()
    async with running(a_relay(world, receiver)):
        await world.approve((await world.create()).payment_id)
        publish(world, things(1), org_id="elsewhere")
        await eventually(lambda: is_settled(world))
    assert {(due.subscription_id, due.event.event_type) for due in receiver.got} == {
        (picky, "PaymentApproved"),
        (other, "ThingHappened"),
    }


async def test_a_failing_head_holds_up_its_line_alone_until_it_is_dead_then_the_next_flows(world: World) -> None:
    """correctness 15"""
    subscribe(world)
    bad, *good = things(5)

    async def behaviour(due: Due) -> Result:
        if due.event.aggregate_id == bad and due.event.sequence == 2:
            return Failed(reason="no", log=AttemptLog(duration_ms=3, status=500, answer="boom"))
        return HANDLED

    receiver = Receiver(behaviour)
    publish(world, [bad, *good], each=4)
    async with running(a_relay(world, receiver)):
        await eventually(lambda: is_settled(world))
    lines = {aggregate: found for (_, aggregate), found in receiver.lines().items()}
    assert lines == {bad: [1, 2, 2, 2, 2, 3, 4], **{one: [1, 2, 3, 4] for one in good}}
    assert [due.attempt for due in receiver.got if (due.event.aggregate_id, due.event.sequence) == (bad, 2)] == [
        1,
        2,
        3,
        4,
    ]
    (dead,) = world.rows("SELECT * FROM deliveries WHERE state = 'dead'")
    assert (dead["attempts"], dead["last_error"]) == (4, "no")
    log = world.rows("SELECT * FROM delivery_attempts ORDER BY attempt")
    assert [(row["attempt"], row["status"], row["answer"]) for row in log] == [(n, 500, "boom") for n in (1, 2, 3, 4)]


async def test_a_failure_waits_as_its_schedule_says_and_longer_when_the_receiver_asks_for_it(world: World) -> None:
    subscribe(world)
    patient, asked = things(2)

    async def behaviour(due: Due) -> Result:
        return Failed(reason="later", retry_after_s=None if due.event.aggregate_id == patient else 4000.0)

    publish(world, [patient, asked], each=2)
    async with running(a_relay(world, Receiver(behaviour, schedule=Schedule((100.0, 200.0))))):
        await eventually(lambda: len(world.rows("SELECT 1 FROM deliveries WHERE attempts = 1")) == 2)
    waits = {
        (row["aggregate_id"], row["sequence"]): row["s"]
        for row in world.rows(
            "SELECT aggregate_id, sequence, extract(epoch FROM due_at - now())::float8 AS s FROM deliveries"
            " WHERE attempts = 1"
        )
    }
    assert 80 < waits[patient, 1] <= 110
    assert 3980 < waits[asked, 1] <= 4000
    assert states(world) == {"pending": 4}


async def test_poison_is_dead_at_once_and_a_pause_counts_as_no_try(world: World) -> None:
    subscribe(world)
    poison, paused = things(2)
    again = asyncio.Event()

    async def behaviour(due: Due) -> Result:
        if due.event.aggregate_id == poison:
            return Dead(reason="gone", log=AttemptLog(duration_ms=1, status=410))
        return HANDLED if again.is_set() else Paused(reason="switched off", retry_after_s=0.1)

    receiver = Receiver(behaviour)
    publish(world, [poison, paused])
    async with running(a_relay(world, receiver)):
        await eventually(lambda: len(receiver.got) >= 4 and states(world) == {"dead": 1, "pending": 1})
        assert world.rows("SELECT attempts FROM deliveries WHERE state = 'pending'") == [{"attempts": 0}]
        again.set()
        await eventually(lambda: is_settled(world))
    assert {due.attempt for due in receiver.got} == {1}
    assert states(world) == {"dead": 1, "delivered": 1}


async def test_a_target_that_raises_has_failed_unless_it_is_nobodys_fault(world: World) -> None:
    subscribe(world)
    broken, unlucky = things(2)
    tries = {broken: 0, unlucky: 0}

    async def behaviour(due: Due) -> Result:
        tries[due.event.aggregate_id] += 1
        if due.event.aggregate_id == broken:
            raise ZeroDivisionError("of a bug, with a secret in it")
        if tries[unlucky] < 3:
            raise DatabaseUnavailable
        return HANDLED

    publish(world, [broken, unlucky])
    async with running(a_relay(world, Receiver(behaviour))):
        await eventually(lambda: is_settled(world))
    found = {row["aggregate_id"]: row for row in world.rows("SELECT * FROM deliveries")}
    assert (found[broken]["state"], found[broken]["attempts"]) == ("dead", 4)
    assert found[broken]["last_error"] == "it raised ZeroDivisionError"
    assert (found[unlucky]["state"], found[unlucky]["attempts"], tries[unlucky]) == ("delivered", 1, 3)


async def test_no_more_are_under_way_than_the_subscription_takes_at_once(world: World) -> None:
    subscribe(world)

    async def behaviour(due: Due) -> Result:
        await asyncio.sleep(0.002)
        return HANDLED

    receiver = Receiver(behaviour, at_once=3)
    publish(world, things(40), each=2)
    async with running(a_relay(world, receiver)):
        await eventually(lambda: is_settled(world))
    assert receiver.under_way_most == 3
    assert len(receiver.got) == 80


async def test_whatever_a_receiver_says_can_be_stored(world: World) -> None:
    """origin 81: what cannot be written must not be tried again for ever"""
    subscribe(world)
    said = "nul \0, half a pair \ud800, " + "long " * 1000

    async def behaviour(due: Due) -> Result:
        return Dead(reason=said, log=AttemptLog(duration_ms=-(2**40), error=said, answer=said))

    publish(world, things(1))
    async with running(a_relay(world, Receiver(behaviour))):
        await eventually(lambda: is_settled(world))
    (row,) = world.rows("SELECT * FROM delivery_attempts")
    assert (len(row["error"]), len(row["answer"]), row["duration_ms"]) == (500, 2000, 0)
    assert row["answer"].startswith("nul \ufffd, half a pair ?, long long")


async def test_a_result_that_the_schema_refuses_is_a_failed_try_and_holds_up_nobody(world: World) -> None:
    subscribe(world)
    odd, *good = things(4)

    async def behaviour(due: Due) -> Result:
        if due.event.aggregate_id == odd:
            return Delivered(log=AttemptLog(duration_ms=1))  # with neither a status nor an error
        return HANDLED

    publish(world, [odd, *good])
    async with running(a_relay(world, Receiver(behaviour))):
        await eventually(lambda: is_settled(world))
    assert states(world) == {"delivered": 3, "dead": 1}


async def test_an_event_whose_month_has_left_the_outbox_is_dead_and_those_behind_it_flow(world: World) -> None:
    subscription_id = subscribe(world)
    (thing,) = things(1)
    publish(world, [thing])
    world.rows(
        "INSERT INTO deliveries (delivery_id, subscription_id, shard, org_id, position, aggregate_id, sequence,"
        " event_id, event_type, due_at, created_at)"
        " SELECT uuid7_of(now()), %s, shard_of(%s, 8), %s, 7, %s, 0, uuid7_of(now()),"
        " 'Old', now(), now()",
        subscription_id,
        thing,
        ORG,
        thing,
    )
    receiver = Receiver()
    async with running(a_relay(world, receiver)):
        await eventually(lambda: is_settled(world))
    assert states(world) == {"dead": 1, "delivered": 1}
    assert [due.event.sequence for due in receiver.got] == [1]


async def test_what_is_switched_off_waits_and_flows_when_it_is_switched_on(world: World) -> None:
    subscription_id = subscribe(world)
    publish(world, things(3), each=2)
    switch(world, active=False)
    receiver = Receiver()
    async with running(a_relay(world, receiver)):
        await asyncio.sleep(0.5)
        assert receiver.got == []
        switch(world, active=True)
        await eventually(lambda: len(receiver.got) == 6)
        switch(world, active=False)
        await eventually(lambda: not world.rows("SELECT 1 FROM relay_leases WHERE holder IS NOT NULL"))
    assert set(receiver.lines()) == {(subscription_id, due.event.aggregate_id) for due in receiver.got}
