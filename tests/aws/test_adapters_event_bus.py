"""EventBridge is a bus as every bus must be, and what it says of a whole request is understood."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from tests.aws.faulty_bus import FaultyBus, faulty_bus
from tests.aws.listening import Queue, a_bus
from tests.aws.moto_server import REGION, MotoServer
from tests.contracts.event_bus import EventBusContract, an_entry
from vendorpay.adapters.aws import clients
from vendorpay.adapters.aws.clients import AwsClient
from vendorpay.adapters.aws.event_bus import UNSAID, EventBridgeBus
from vendorpay.ports import BusUnavailable, EventBus

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def as_on_lambda(moto: MotoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in moto.environment().items():
        monkeypatch.setenv(name, value)


class TestEventBridge(EventBusContract):
    way: FaultyBus
    queue: Queue

    @pytest.fixture
    def bus(self, moto: MotoServer) -> Iterator[EventBus]:
        with faulty_bus(moto.url) as self.way, a_bus(moto, {"source": ["roadcall.payment-service"]}) as (name, queue):
            self.queue = queue
            self.refused: dict[str, str] = {}
            self.way.refuses = lambda entry: self.refused.get(json.loads(entry["Detail"])["eventId"])
            yield EventBridgeBus(name, AwsClient("events", region=REGION, endpoint=self.way.url))

    def heard(self) -> list[dict[str, Any]]:
        return self.queue.events()

    def refuse(self, event_id: str, code: str) -> None:
        self.refused[event_id] = code

    def go_away(self) -> None:
        self.way.down = True


@pytest.fixture
def stubbed(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Stubber, EventBridgeBus]]:
    """boto3's own client, with answers that a test writes: moto cannot give them."""
    client = boto3.client("events", region_name=REGION)
    monkeypatch.setattr(clients, "_client", lambda *_: client)
    with Stubber(client) as stubber:
        yield stubber, EventBridgeBus("bus", AwsClient("events"))


async def test_a_request_that_is_refused_for_one_entry_is_made_again_for_each(
    stubbed: tuple[Stubber, EventBridgeBus],
) -> None:
    stubber, bus = stubbed
    stubber.add_client_error("put_events", "ValidationException", "entry 2 is ..", 400)
    stubber.add_response("put_events", {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]})
    stubber.add_client_error("put_events", "ValidationException", "entry 1 is ..", 400)
    stubber.add_response("put_events", {"FailedEntryCount": 0, "Entries": [{"EventId": "3"}]})
    assert await bus.put([an_entry(n) for n in (1, 2, 3)]) == [None, "ValidationException", None]
    stubber.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AccessDeniedException", 400),
        ("ResourceNotFoundException", 400),
        ("ThrottlingException", 400),
        ("UnrecognizedClientException", 400),
        ("InternalException", 500),
        ("ServiceUnavailable", 503),
    ],
)
async def test_what_is_wrong_with_us_or_with_nobody_is_no_event_s_fault(
    code: str, status: int, stubbed: tuple[Stubber, EventBridgeBus]
) -> None:
    stubber, bus = stubbed
    for _ in range(clients.TRIES_MAX):
        stubber.add_client_error("put_events", code, "a text that may quote the request", status)
    with pytest.raises(BusUnavailable) as caught:
        await bus.put([an_entry(1), an_entry(2)])
    assert str(caught.value) == f"EventBridge: {code}"


async def test_what_the_answer_says_nothing_of_was_not_taken(stubbed: tuple[Stubber, EventBridgeBus]) -> None:
    """origin 28"""
    stubber, bus = stubbed
    said = [{"EventId": "1"}, {}, {"ErrorCode": "InternalFailure"}]
    stubber.add_response("put_events", {"FailedEntryCount": 0, "Entries": said})
    assert await bus.put([an_entry(n) for n in range(4)]) == [None, UNSAID, "InternalFailure", UNSAID]
