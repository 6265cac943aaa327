"""Outside subscribers, end to end, against a real HTTP receiver that fails, hangs, drops and answers late.

Peers' ask 15: a delivery log with answer and duration, redelivery by hand, events for every state, a way back after an
endpoint was disabled, and proof that a second attempt happens.
"""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from tests.api.asking import NOW
from tests.database import DatabaseUrls
from tests.scenarios.webhook_receiver import accept, drop, first, hang, late, respond
from tests.usecases.world import ORG
from tests.workers.relaying import eventually, without_rules
from tests.workers.webhook_office import NoSender, Office, assert_in_order, by_payment, open_office
from vendorpay import __version__
from vendorpay.adapters.local_issuer import LocalIssuer
from vendorpay.adapters.webhook_sender import HttpWebhookSender
from vendorpay.domain.feed import FeedEvent
from vendorpay.usecases.deliver_webhook import WebhookTarget
from vendorpay.usecases.relay_target import Delivered, Due

pytestmark = pytest.mark.anyio


@pytest.fixture
async def hasty(database_urls: DatabaseUrls, issuer: LocalIssuer, anyio_backend: str) -> AsyncIterator[Office]:
    """One that waits for an answer for a second."""
    async with open_office(database_urls, issuer, timeout_s=1.0) as opened:
        yield opened


async def test_every_event_of_every_change_arrives_signed_and_in_order(office: Office) -> None:
    endpoint = await office.subscribe()
    payments = [await office.pay() for _ in range(6)]
    await asyncio.gather(*map(office.approve, payments))
    received = await office.arrived(1 + 12)
    await office.settled()
    assert office.receiver.unsigned() == []
    assert_in_order(received)
    assert {about: len(all_of_it) for about, all_of_it in by_payment(received).items()} == {
        **{str(payment_id): 2 for payment_id in payments},
        endpoint["endpointId"]: 1,
    }
    stored = {
        str(row["event_id"]): row
        for row in office.world.rows(
            "SELECT event_id, event_type, detail, position FROM outbox JOIN feed_positions"
            " USING (aggregate_id, sequence)"
        )
    }
    assert {one.webhook_id for one in received} == set(stored)
    for one in received:
        event = stored[one.webhook_id]
        assert one.json["type"] == event["event_type"]
        assert one.data == {**event["detail"], "position": event["position"]}
        assert one.json["timestamp"] == one.data["occurredAt"]
        assert one.headers["content-type"] == "application/json"
        assert one.headers["user-agent"] == f"vendorpay/{__version__}"


async def test_nothing_is_sent_unsigned_nor_counted_as_a_try(office: Office) -> None:
    """A bug, or somebody's SQL: the endpoint is left without a live secret."""
    endpoint = await office.subscribe(eventTypes=["PaymentCreated"])
    without_rules(office.world, "DELETE FROM webhook_secrets")
    await office.pay()
    await eventually(lambda: bool(office.world.rows("SELECT 1 FROM deliveries WHERE last_error IS NOT NULL")))
    (waiting,) = await office.log(endpoint)
    assert (waiting["state"], waiting["lastError"]) == ("pending", "the endpoint has no live secret")
    assert (waiting["attempts"], office.receiver.received) == ([], [])


async def test_the_timestamp_is_that_of_the_try_and_not_of_the_moment_when_the_endpoint_was_looked_up(
    office: Office,
) -> None:
    endpoint = await office.subscribe(eventTypes=["PaymentApproved"])
    hours = itertools.count()
    deps = replace(office.world.deps, now=lambda: NOW + timedelta(hours=next(hours)))
    event = FeedEvent(
        org_id=ORG,
        position=1,
        aggregate_type="thing",
        aggregate_id=uuid4(),
        sequence=1,
        event_id=uuid4(),
        event_type="ThingHappened",
        occurred_at=NOW,
        detail=msgspec.Raw(b"{}"),
    )
    due = Due(
        delivery_id=uuid4(),
        subscription_id=UUID(endpoint["endpointId"]),
        subscription_name="a test's",
        attempt=1,
        event=event,
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with aclosing(HttpWebhookSender(to_private=True, tls=tls)) as sender:
        assert isinstance(await WebhookTarget(deps, sender).deliver(due), Delivered)
    (received,) = office.receiver.received
    assert int(received.headers["webhook-timestamp"]) == int((NOW + timedelta(hours=1)).timestamp())


async def test_only_the_events_that_were_asked_for_arrive(office: Office) -> None:
    await office.subscribe(eventTypes=["PaymentApproved"])
    await office.approve(await office.pay())
    await office.arrived(1)
    await office.settled()
    assert [one.json["type"] for one in office.receiver.received] == ["PaymentApproved"]


async def test_ask_15_a_second_and_third_attempt_happen_with_the_same_id_and_are_in_the_log(office: Office) -> None:
    endpoint = await office.subscribe(eventTypes=["PaymentCreated"])
    office.receiver.behave = first(1, respond(500, b"out of order"), then=first(1, drop))
    await office.pay()
    received = await office.arrived(3)
    await office.settled()
    assert len({one.webhook_id for one in received}) == 1
    assert len({one.headers["webhook-signature"] for one in received}) >= 1
    assert len({one.body for one in received}) == 1
    (delivery,) = await office.log(endpoint)
    assert (delivery["state"], delivery["eventId"]) == ("delivered", received[0].webhook_id)
    third, second, one = delivery["attempts"]
    assert (one["attempt"], one["status"], one["answer"], one["error"]) == (1, 500, "out of order", None)
    assert (second["attempt"], second["status"]) == (2, None)
    assert "connection broke" in second["error"]
    assert (third["attempt"], third["status"]) == (3, 204)
    assert all(each["durationMs"] >= 0 for each in delivery["attempts"])
    assert (await office.shown(endpoint))["failingSince"] is None


async def test_one_that_keeps_failing_becomes_a_dead_letter_and_ask_15_redelivery_brings_it(office: Office) -> None:
    endpoint = await office.subscribe(eventTypes=["PaymentCreated", "PaymentApproved"])
    office.receiver.behave = respond(503, retry_after="0")
    payment_id = await office.pay()
    await office.approve(payment_id)
    await office.settled()
    dead = await office.log(endpoint, "?state=dead")
    assert [one["eventType"] for one in dead] == ["PaymentApproved", "PaymentCreated"]
    assert {len(one["attempts"]) for one in dead} == {5}
    assert dead[0]["lastError"] == "answered with status 503"
    assert (await office.shown(endpoint))["failingSince"] is not None
    assert await office.log(endpoint, "?state=delivered") == []

    office.receiver.behave = accept
    before = len(office.receiver.received)
    answer = await office.ask("POST", f"/webhook-deliveries/{dead[1]['deliveryId']}/redeliver")
    assert (answer.status, answer.json["state"]) == (202, "pending")
    received = await office.arrived(before + 1)
    await office.settled()
    assert received[-1].webhook_id == dead[1]["eventId"]
    (delivered,) = await office.log(endpoint, "?state=delivered")
    assert [one["attempt"] for one in delivered["attempts"]] == [6, 5, 4, 3, 2, 1]
    # What was delivered can be had once more, too.
    assert (await office.ask("POST", f"/webhook-deliveries/{dead[1]['deliveryId']}/redeliver")).status == 202
    await office.arrived(before + 2)


async def test_retry_after_is_heeded(office: Office) -> None:
    endpoint = await office.subscribe(eventTypes=["PaymentCreated"])
    office.receiver.behave = first(1, respond(429, retry_after="3600"))
    await office.pay()
    await office.arrived(1)
    waiting: list[dict[str, Any]] = []
    while not waiting or not waiting[0]["attempts"]:
        waiting = await office.log(endpoint, "?state=pending")
    (row,) = office.world.rows("SELECT extract(epoch FROM due_at - now()) AS pause_s FROM deliveries")
    assert 3500 < row["pause_s"] <= 3600


async def test_a_late_answer_makes_a_duplicate_with_the_same_id_and_the_order_holds(hasty: Office) -> None:
    """The first answer comes after the time is over: nobody heard it, so the event is sent again."""
    await hasty.subscribe(eventTypes=["PaymentCreated", "PaymentApproved"])
    hasty.receiver.behave = first(1, late(2.0))
    payment_id = await hasty.pay()
    await hasty.approve(payment_id)
    await hasty.arrived(3)
    await hasty.settled()
    received = list(hasty.receiver.received)
    sequences = [one.data["sequence"] for one in received]
    assert sequences == sorted(sequences)  # a busy machine's answers may be late more than once
    assert (set(sequences), sequences.count(1) >= 2) == ({1, 2}, True)
    assert len({one.webhook_id for one in received}) == 2
    assert hasty.receiver.unsigned() == []


async def test_one_payment_that_hangs_holds_back_itself_and_no_other(hasty: Office) -> None:
    await hasty.subscribe(eventTypes=["PaymentCreated", "PaymentApproved"], maxInFlight=2)
    hasty.receiver.behave = first(1, hang)
    stuck = await hasty.pay()
    await hasty.approve(stuck)
    await hasty.arrived(1)
    others = [await hasty.pay() for _ in range(3)]
    await hasty.arrived(1 + 3 + 2)
    await hasty.settled()
    received = list(hasty.receiver.received)
    assert_in_order(received)
    assert set(by_payment(received)) == {str(stuck), *map(str, others)}


async def test_at_most_so_many_are_in_flight_at_once(office: Office) -> None:
    await office.subscribe(eventTypes=["PaymentCreated"], maxInFlight=3)
    office.receiver.behave = late(0.1)
    for _ in range(12):
        await office.pay()
    received = await office.arrived(12)
    await office.settled()
    assert max(one.in_flight for one in received) == 3


async def test_rotation_signs_with_both_secrets_and_shows_each_once(office: Office) -> None:
    endpoint = await office.subscribe(eventTypes=["PaymentCreated"])
    path = f"/webhook-endpoints/{endpoint['endpointId']}/secrets"
    rotated = await office.ask("POST", path)
    assert (rotated.status, rotated.headers["etag"]) == (201, '"2"')
    assert rotated.json["secret"] != endpoint["secret"]
    office.receiver.know(rotated.json["secret"], "second")
    await office.pay()
    (one,) = await office.arrived(1)
    assert one.matching == ("first", "second")
    at_once = await office.ask("POST", path, body={"expiresInHours": 0})
    office.receiver.know(at_once.json["secret"], "third")
    await office.pay()
    assert (await office.arrived(2))[1].matching == ("third",)
    assert "secret" not in await office.shown(endpoint)


async def test_ask_15_what_happens_while_it_is_disabled_is_sent_when_it_is_enabled(office: Office) -> None:
    endpoint = await office.subscribe(eventTypes=["PaymentCreated", "PaymentApproved"])
    early = await office.pay()
    await office.arrived(1)
    await office.patch(endpoint, status="disabled")
    missed = [await office.pay() for _ in range(3)]
    await office.approve(early)
    await office.settled()
    assert len(office.receiver.received) == 1
    await office.patch(endpoint, status="enabled")
    late_one = await office.pay()
    await office.approve(missed[0])
    received = await office.arrived(1 + 4 + 2)
    await office.settled()
    assert_in_order(received)
    assert set(by_payment(received)) == {str(each) for each in (early, *missed, late_one)}
    assert len({one.webhook_id for one in received}) == len(received) == 7


async def test_after_days_of_failure_it_is_disabled_with_an_event_and_ask_15_there_is_a_way_back(
    office: Office,
) -> None:
    endpoint = await office.subscribe(eventTypes=["PaymentCreated", "WebhookEndpointDisabled"])
    office.receiver.behave = respond(500)
    await office.pay()
    await office.arrived(1)
    await eventually(lambda: office.world.count("webhook_failures") == 1)
    # Two days and many tries, or four days and few, are no reason.
    office.world.rows("UPDATE webhook_failures SET failing_since = now() - interval '2 days', failed_tries = 500")
    await office.pay()
    await office.settled()
    assert (await office.shown(endpoint))["status"] == "enabled"
    office.world.rows("UPDATE webhook_failures SET failing_since = now() - interval '73 hours', failed_tries = 1")
    await office.pay()
    await office.settled()
    assert (await office.shown(endpoint))["status"] == "enabled"
    office.world.rows("UPDATE webhook_failures SET failed_tries = 9")
    missed = await office.pay()
    await eventually(lambda: office.world.rows("SELECT status FROM webhook_endpoints") == [{"status": "disabled"}])
    shown = await office.shown(endpoint)
    assert (shown["status"], shown["disabledReason"]) == ("disabled", "failing")
    (entry,) = office.world.rows(
        "SELECT actor_id, actor_type, reason_code FROM payment_audit_log WHERE action = 'webhook_endpoint_disabled'"
    )
    assert entry == {"actor_id": "system:relay", "actor_type": "system", "reason_code": "failing"}

    office.receiver.behave = accept
    await office.patch(endpoint, status="enabled")
    await office.settled()
    told = [one for one in office.receiver.received if one.json["type"] == "WebhookEndpointDisabled"]
    assert [one.data["reasonCode"] for one in told] == ["failing"]
    assert str(missed) in by_payment(office.receiver.received)
    assert (await office.shown(endpoint))["failingSince"] is None


async def test_410_disables_at_once(office: Office) -> None:
    endpoint = await office.subscribe(eventTypes=["PaymentCreated"])
    office.receiver.behave = respond(410)
    await office.pay()
    await eventually(lambda: office.world.rows("SELECT status FROM webhook_endpoints") == [{"status": "disabled"}])
    assert (await office.shown(endpoint))["disabledReason"] == "gone"
    await asyncio.sleep(0.3)
    assert len(office.receiver.received) == 1


async def test_a_redirect_is_not_followed(office: Office) -> None:
    endpoint = await office.subscribe(eventTypes=["PaymentCreated"])
    office.receiver.behave = first(1, respond(307, location=f"http://127.0.0.1:{office.receiver.port}/elsewhere"))
    await office.pay()
    await office.arrived(2)
    await office.settled()
    (delivery,) = await office.log(endpoint)
    assert [one["status"] for one in delivery["attempts"]] == [204, 307]
    assert len(office.receiver.received) == 2


async def test_a_replay_sends_everything_after_a_position_again_under_the_same_ids(office: Office) -> None:
    endpoint = await office.subscribe()
    payments = [await office.pay() for _ in range(3)]
    for payment_id in payments:
        await office.approve(payment_id)
    await office.arrived(7)
    await office.settled()
    once = list(office.receiver.received)
    answer = await office.ask("POST", f"/webhook-endpoints/{endpoint['endpointId']}/replay", body={"fromPosition": 4})
    assert answer.status == 202
    await office.settled()
    again = office.receiver.received[len(once) :]
    expected = {one.webhook_id for one in once if one.data["position"] > 4}
    assert {one.webhook_id for one in again if one.json["type"] != "WebhookEndpointUpdated"} == expected
    assert_in_order(again)
    assert office.receiver.unsigned() == []


async def test_a_new_endpoint_can_be_sent_the_past(office: Office) -> None:
    for _ in range(3):
        await office.pay()
    await office.settled()
    await office.subscribe(eventTypes=["PaymentCreated"], fromPosition=1)
    received = await office.arrived(2)
    await office.settled()
    assert sorted(one.data["position"] for one in received) == [2, 3]


async def test_a_deleted_endpoint_is_sent_nothing_more(office: Office) -> None:
    endpoint = await office.subscribe(eventTypes=["PaymentCreated"])
    await office.pay()
    await office.arrived(1)
    path = f"/webhook-endpoints/{endpoint['endpointId']}"
    assert (await office.ask("DELETE", path, headers=[("If-Match", '"7"')])).status == 412
    deleted = await office.ask("DELETE", path)
    assert (deleted.status, deleted.body) == (204, b"")
    await office.pay()
    await office.settled()
    assert len(office.receiver.received) == 1
    for method, more in (("GET", ""), ("DELETE", ""), ("GET", "/deliveries")):
        assert (await office.ask(method, path + more)).status == 404


async def test_one_that_only_fails_takes_no_room_from_others_and_gets_its_own_back(office: Office) -> None:
    endpoint = await office.subscribe(eventTypes=["PaymentCreated"], maxInFlight=8)
    target, endpoint_id = WebhookTarget(office.world.deps, NoSender()), UUID(endpoint["endpointId"])
    assert await target.at_once([endpoint_id]) == {endpoint_id: 8}
    office.receiver.behave = respond(500)
    await office.pay()
    await office.settled()
    assert await target.at_once([endpoint_id]) == {endpoint_id: 8}
    for _ in range(2):
        await office.pay()
    await office.settled()
    assert await target.at_once([endpoint_id]) == {endpoint_id: 1}
    office.receiver.behave = accept
    await office.pay()
    await office.settled()
    assert await target.at_once([endpoint_id]) == {endpoint_id: 8}
    await office.patch(endpoint, status="disabled")
    assert await target.at_once([endpoint_id]) == {}
