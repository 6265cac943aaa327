"""Order to the last: endpoints that are switched off, on and replayed while payments go by."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from tests.scenarios.webhook_receiver import Exchange, accept, drop
from tests.usecases.endpoints import create, deliver, last_position, number_events, patch
from tests.usecases.world import World, rounds, seeded
from tests.workers.webhook_office import NoSender, Office, assert_in_order
from vendorpay.domain.feed import FeedEvent
from vendorpay.usecases.deliver_webhook import WebhookTarget
from vendorpay.usecases.relay_target import Due, Paused

pytestmark = pytest.mark.anyio


async def test_whoever_switches_it_off_and_on_while_payments_go_by_loses_nothing_and_mixes_up_nothing(
    office: Office,
) -> None:
    endpoint = await office.subscribe(eventTypes=["PaymentCreated", "PaymentApproved"], maxInFlight=5)
    chance = seeded("webhooks switched off and on")

    def behave(exchange: Exchange) -> None:
        (drop if chance.random() < 0.05 else accept)(exchange)

    office.receiver.behave = behave

    async def one_payment() -> None:
        await asyncio.sleep(chance.random())
        payment_id = await office.pay()
        await asyncio.sleep(chance.random() / 4)
        await office.approve(payment_id)

    async def switch(begin: int) -> None:
        for _ in range(3):
            await asyncio.sleep(chance.random() / 4)
            await office.patch(endpoint, status="disabled")
            await asyncio.sleep(chance.random() / 4)
            await office.patch(endpoint, status="enabled")
            if chance.random() < 0.5:
                path = f"/webhook-endpoints/{endpoint['endpointId']}/replay"
                assert (await office.ask("POST", path, body={"fromPosition": begin})).status == 202

    for _ in range(rounds(1, 50)):
        begin = last_position(office.world)
        await asyncio.gather(*(one_payment() for _ in range(25)), switch(begin))
        await office.settled()
    assert_in_order(office.receiver.received)
    assert office.receiver.unsigned() == []
    stored = office.world.rows("SELECT event_id FROM outbox WHERE aggregate_type = 'payment'")
    assert {one.webhook_id for one in office.receiver.received} == {str(row["event_id"]) for row in stored}
    assert {row["state"] for row in office.world.rows("SELECT state FROM deliveries")} == {"delivered"}


async def test_an_event_that_was_chosen_before_an_earlier_one_was_put_in_line_waits_for_it(world: World) -> None:
    """The relay takes what it sees as the head of a line; a replay may put an earlier event there a moment later."""
    endpoint = await create(world, event_types=("PaymentCreated", "PaymentApproved"))
    await world.approve((await world.create()).payment_id)
    number_events(world)
    (chosen,) = world.rows("SELECT * FROM deliveries WHERE sequence = 2")
    event = FeedEvent(
        aggregate_type="payment",
        occurred_at=world.clock(),
        detail=msgspec.Raw(b"{}"),
        **{name: chosen[name] for name in ("org_id", "position", "aggregate_id", "sequence", "event_id", "event_type")},
    )
    due = Due(
        delivery_id=chosen["delivery_id"],
        subscription_id=endpoint.endpoint_id,
        subscription_name=str(endpoint.endpoint_id),
        attempt=1,
        event=event,
    )
    assert isinstance(await WebhookTarget(world.deps, NoSender()).deliver(due), Paused)
    deliver(world, "sequence = 1")
    with pytest.raises(AssertionError, match=r"receiver\.example"):
        await WebhookTarget(world.deps, NoSender()).deliver(due)
    await patch(world, endpoint.endpoint_id, status="disabled")
    assert isinstance(await WebhookTarget(world.deps, NoSender()).deliver(due), Paused)
