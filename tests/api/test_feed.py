"""GET /events: the feed over HTTP."""

from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.api.asking import Caller
from tests.database import DatabaseUrls
from vendorpay.api import examples
from vendorpay.domain.roles import Role

pytestmark = pytest.mark.anyio
OTHERS = {"org": "elsewhere"}


async def created(service: Caller, **more: Any) -> str:
    bill = {**examples.NEW_PAYMENT, "incidentId": str(uuid4())}
    answer = await service.ask("POST", "/payments", body=bill, **more)
    assert answer.status == 201, answer.body
    return str(answer.json["paymentId"])


def number(urls: DatabaseUrls) -> None:
    """A pass of the sequencer."""
    with psycopg.connect(urls.app, autocommit=True) as connection:
        connection.execute("SELECT number_stream('feed', 1000, NULL)")


async def test_the_feed_tells_what_happened_page_by_page(service: Caller, database_urls: DatabaseUrls) -> None:
    first = await created(service)
    await service.ask("POST", f"/payments/{first}/cancel", body=examples.CANCELLATION)
    empty = (await service.ask("GET", "/events")).json
    assert empty == {"events": [], "position": 0, "lastPosition": 0}, "committed, and without a position yet"
    number(database_urls)
    second = await created(service)
    number(database_urls)
    page = (await service.ask("GET", "/events?after=0&limit=2")).json
    assert page["position"] == 2
    assert [event["detail-type"] for event in page["events"]] == ["PaymentCreated", "PaymentCancelled"]
    rest = (await service.ask("GET", f"/events?after={page['position']}")).json
    assert (rest["position"], [event["detail"]["paymentId"] for event in rest["events"]]) == (3, [second])
    for position, event in enumerate([*page["events"], *rest["events"]], start=1):
        assert event["position"] == event["detail"]["position"] == position
        assert event["id"] == event["detail"]["eventId"]
        assert event["source"] == "roadcall.payment-service"
        assert event["time"] == event["detail"]["occurredAt"]
    assert (await service.ask("GET", "/events?after=3")).json == {"events": [], "position": 3, "lastPosition": 3}
    beyond = (await service.ask("GET", "/events?after=500")).json
    assert beyond == {"events": [], "position": 500, "lastPosition": 3}, "a reader can see that it reads another feed"


async def test_the_feed_of_one_type_goes_on_over_the_others(service: Caller, database_urls: DatabaseUrls) -> None:
    first = await created(service)
    await created(service)
    await service.ask("POST", f"/payments/{first}/cancel", body=examples.CANCELLATION)
    number(database_urls)
    page = (await service.ask("GET", "/events?type=PaymentCancelled&limit=5")).json
    assert (len(page["events"]), page["position"]) == (1, 3)
    assert page["events"][0]["detail"]["paymentId"] == first
    none = (await service.ask("GET", "/events?type=PaymentApproved")).json
    assert none == {"events": [], "position": 3, "lastPosition": 3}


async def test_each_organisation_has_its_own_feed(service: Caller, database_urls: DatabaseUrls) -> None:
    """Positions say nothing of how much others do."""
    await created(service)
    theirs = await created(service, claims=OTHERS)
    await created(service)
    number(database_urls)
    page = (await service.ask("GET", "/events", claims=OTHERS)).json
    assert [(event["position"], event["detail"]["paymentId"]) for event in page["events"]] == [(1, theirs)]
    assert (await service.ask("GET", "/events")).json["position"] == 2


@pytest.mark.parametrize("role", list(Role))
async def test_who_may_read_the_feed(role: Role, service: Caller) -> None:
    allowed = role in (Role.ADMIN, Role.AUDITOR, Role.SERVICE)
    assert (await service.ask("GET", "/events", role=role.value)).status == (200 if allowed else 403)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("after=-1", "after"),
        ("after=x", "after"),
        ("after=1.0", "after"),
        ("after=", "after"),
        ("after=1000000000000001", "after"),
        ("after=99999999999999999999999", "after"),
        ("after=1&after=2", "after"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("type=WorkCompleted", "type"),
        ("type=", "type"),
        ("position=1", "position"),
    ],
)
async def test_a_wrong_parameter_is_named(query: str, field: str, service: Caller) -> None:
    answer = await service.ask("GET", f"/events?{query}")
    assert (answer.status, answer.code) == (400, "invalid_request")
    assert list(answer.faults) == [field]


async def test_every_wrong_parameter_is_named_at_once(service: Caller) -> None:
    answer = await service.ask("GET", "/events?after=-1&limit=x&type=nothing")
    assert set(answer.faults) == {"after", "limit", "type"}
