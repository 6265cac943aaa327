"""GET /metrics: open to who watches, whatever the database does, and hidden by a setting."""

from collections.abc import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families as parsed

from tests.api.asking import Answered, Caller, Desk, opened
from vendorpay.adapters.local_issuer import LocalIssuer
from vendorpay.api import examples
from vendorpay.api.app import App
from vendorpay.store.db import Database
from vendorpay.usecases import read_standing

pytestmark = pytest.mark.anyio

NOWHERE = "postgresql://vendorpay_app@127.0.0.1:1/nowhere"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it does when the database is slow, some tests say; the others are not about how fast this machine is."""
    monkeypatch.setattr(read_standing, "PATIENCE_S", 60.0)


def numbers(answer: Answered) -> Callable[..., float]:
    """Of a scrape: the sum of all samples of a name with these labels."""
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    samples = [sample for family in parsed(answer.body.decode()) for sample in family.samples]

    def total(name: str, **labels: str) -> float:
        return sum(
            sample.value
            for sample in samples
            if sample.name == f"vendorpay_{name}" and labels.items() <= sample.labels.items()
        )

    return total


async def scraped(caller: Caller) -> Callable[..., float]:
    return numbers(await caller.ask("GET", "/metrics", role=None))


async def test_requests_are_counted_by_operation_and_status_with_their_duration(service: Caller) -> None:
    before = await scraped(service)
    for _ in range(3):
        await service.ask("GET", "/health/live", role=None)
    await service.ask("GET", "/payments", role=None)
    await service.ask("GET", "/nowhere", role=None)
    await service.ask("GET", "/payments/no-id")
    after = await scraped(service)
    for labels, many in (
        ({"operation": "getLiveness", "status": "200"}, 3),
        ({"operation": "listPayments", "status": "401"}, 1),
        ({"operation": "none", "status": "404"}, 1),
        ({"operation": "getPayment", "status": "400"}, 1),
        ({"operation": "getMetrics", "status": "200"}, 1),
    ):
        assert after("requests_total", **labels) - before("requests_total", **labels) == many, labels
        operation = labels["operation"]
        counted = [each("request_duration_seconds_count", operation=operation) for each in (before, after)]
        assert counted[1] - counted[0] == many
    assert after("requests_in_flight") == before("requests_in_flight") == 1  # the scrape itself
    assert after("database_up") == 1


async def test_a_client_that_hangs_up_is_counted_too(service: Caller) -> None:
    before = await scraped(service)
    await service.ask("POST", "/payments", chunks=[b"{"], gone=True, headers={"Content-Type": "application/json"})
    after = await scraped(service)
    gone = {"operation": "createPayment", "status": "499"}
    assert after("requests_total", **gone) - before("requests_total", **gone) == 1
    assert after("requests_in_flight") == 1


async def test_commands_are_counted_in_their_batches_and_the_pool_is_told(service: Caller) -> None:
    before = await scraped(service)
    for _ in range(3):
        await service.ask("POST", "/payments", body=examples.NEW_PAYMENT)  # one is new, the others are its twins
    after = await scraped(service)
    assert after("batch_commands_sum") - before("batch_commands_sum") == 3
    assert after("batch_commands_count") - before("batch_commands_count") == 3
    assert after("pool_connections_max") == 4
    assert after("pool_connections_in_use") == after("pool_waiting") == after("queue_commands") == 0


async def test_a_database_that_is_away_is_said_and_everything_else_is_shown(
    issuer: LocalIssuer, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_standing, "PATIENCE_S", 0.2)
    async with Database.open(NOWHERE) as away:
        caller = await opened(issuer, desk, away)
        await caller.ask("GET", "/health/live", role=None)
        answer = await caller.ask("GET", "/metrics", role=None)
    found = numbers(answer)
    assert "vendorpay_database_up 0" in answer.body.decode()
    assert "\nvendorpay_approvals_pending " not in answer.body.decode()
    assert found("requests_total", operation="getLiveness") >= 1


async def test_the_setting_hides_them_as_if_there_were_none(service: Caller) -> None:
    hidden = App(service.app._opening, metrics=False)
    await hidden.open()
    answer = await Caller(hidden, service.issuer).ask("GET", "/metrics", role=None)
    elsewhere = await Caller(hidden, service.issuer).ask("GET", "/nowhere", role=None)
    assert (answer.status, answer.code) == (elsewhere.status, elsewhere.code) == (404, "not_found")
    assert answer.json["detail"] == elsewhere.json["detail"]


async def test_nobody_is_named_in_them(service: Caller) -> None:
    await service.ask("POST", "/payments", body=examples.NEW_PAYMENT, claims={"org": "acme-towing"})
    text = (await service.ask("GET", "/metrics", role=None)).body.decode()
    for private in ("acme-towing", examples.CREATOR, examples.VENDOR_ID):
        assert private not in text
