"""Which subscriber is behind, and why: what an operator sees of an endpoint, its deliveries, and in the log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

from tests.database import DatabaseUrls
from tests.scenarios.webhook_receiver import accept, respond
from tests.workers.relaying import eventually, without_rules
from tests.workers.webhook_office import Office, open_office
from vendorpay import observe
from vendorpay.adapters.local_issuer import LocalIssuer
from vendorpay.domain.retries import Schedule

pytestmark = pytest.mark.anyio

SLOW = Schedule((3_600.0,) * 3)
FAILED = "answered with status 503"


@pytest.fixture
async def patient(database_urls: DatabaseUrls, issuer: LocalIssuer, anyio_backend: str) -> AsyncIterator[Office]:
    """One that waits for an hour after a try that failed."""
    async with open_office(database_urls, issuer, schedule=SLOW) as opened:
        yield opened


async def refused(office: Office, *, payments: int) -> dict[str, Any]:
    """An endpoint that has refused the first event of so many payments; the second one of each waits behind it."""
    office.receiver.behave = respond(503)
    endpoint = await office.subscribe(eventTypes=["PaymentCreated", "PaymentApproved"])
    for _ in range(payments):
        await office.approve(await office.pay())
    tried = "SELECT count(*) AS n, sum(attempts) AS tried FROM deliveries WHERE state = 'pending'"
    await eventually(lambda: office.world.rows(tried) == [{"n": 2 * payments, "tried": payments}])
    return endpoint


async def test_a_subscriber_that_is_behind_shows_since_when_by_how_much_and_why(patient: Office) -> None:
    endpoint = await refused(patient, payments=2)
    idle = await patient.subscribe(eventTypes=["PaymentRejected"])
    shown = await patient.shown(endpoint)
    (oldest,) = patient.world.rows("SELECT min(created_at) AS at FROM deliveries")
    assert (shown["pending"], shown["lastError"]) == (4, FAILED)
    assert datetime.fromisoformat(shown["oldestPendingAt"]) == oldest["at"]
    assert shown["failingSince"] is not None
    listed = (await patient.ask("GET", "/webhook-endpoints")).json["endpoints"]
    assert [each["endpointId"] for each in listed] == [endpoint["endpointId"], idle["endpointId"]]
    assert listed[0] == shown
    fares = ("pending", "oldestPendingAt", "lastError", "failingSince")
    assert [listed[1][name] for name in fares] == [0, None, None, None]


async def test_the_log_of_deliveries_tells_what_fails_from_what_stands_behind_it(patient: Office) -> None:
    endpoint = await refused(patient, payments=2)
    failing = await patient.log(endpoint, "?state=failing")
    waiting = await patient.log(endpoint, "?state=pending")
    assert [(one["eventType"], one["waitsFor"]) for one in failing] == [("PaymentCreated", None)] * 2
    assert {one["lastError"] for one in failing} == {FAILED}
    heads = {one["aggregateId"]: one["deliveryId"] for one in failing}
    behind = [one for one in waiting if one["waitsFor"] is not None]
    assert [(one["eventType"], one["attempts"]) for one in behind] == [("PaymentApproved", [])] * 2
    assert all(one["waitsFor"] == heads[one["aggregateId"]] for one in behind)
    assert {one["paused"] for one in waiting} == {False}
    path = f"/webhook-endpoints/{endpoint['endpointId']}/deliveries?state=failing&limit=1"
    page = (await patient.ask("GET", path)).json
    rest = (await patient.ask("GET", f"{path}&cursor={page['nextCursor']}")).json
    assert [*page["deliveries"], *rest["deliveries"]] == failing


async def test_what_waits_for_a_disabled_endpoint_is_paused_and_what_arrived_is_not(patient: Office) -> None:
    endpoint = await patient.subscribe(eventTypes=["PaymentCreated"])
    await patient.pay()
    await patient.settled()
    patient.receiver.behave = respond(503)
    await patient.pay()
    await eventually(lambda: len(patient.receiver.received) == 2)
    await patient.patch(endpoint, status="disabled")
    log = await patient.log(endpoint)
    assert [(one["state"], one["paused"]) for one in log] == [("pending", True), ("delivered", False)]


async def test_what_waits_is_counted_up_to_a_limit(patient: Office) -> None:
    endpoint = await patient.subscribe(eventTypes=["PaymentRejected"])
    await patient.patch(endpoint, status="disabled")
    without_rules(
        patient.world,
        "INSERT INTO deliveries (delivery_id, subscription_id, shard, org_id, position, aggregate_id, sequence,"
        " event_id, event_type, due_at, created_at) SELECT uuid7_of(now()), subscription_id, 0, org_id, n,"
        " gen_random_uuid(), 1, gen_random_uuid(), 'PaymentRejected', now(), now()"
        " FROM subscriptions, generate_series(1, 1500) n WHERE kind = 'webhook'",
    )
    assert (await patient.shown(endpoint))["pending"] == 1_001


async def test_the_log_says_once_that_an_endpoint_fails_and_once_that_it_works_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[tuple[str, str]] = []
    for level in ("info", "warning"):
        monkeypatch.setattr(
            observe,
            level,
            lambda event, **facts: said.append((event, str(facts.get("endpoint_id")))) if facts else None,
        )
    endpoint = await office.subscribe(eventTypes=["PaymentCreated"])
    office.receiver.behave = respond(503)
    await office.pay()
    await eventually(lambda: len(office.receiver.received) >= 3)
    office.receiver.behave = accept
    await office.settled()
    await office.pay()
    await office.settled()
    words = [event for event, endpoint_id in said if endpoint_id == endpoint["endpointId"]]
    assert words == ["a webhook endpoint fails", "a webhook endpoint works again"]
    assert "endpoint_id" in observe.FACTS
