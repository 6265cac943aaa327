"""The pump as a function: what was committed reaches the bus, whoever dies, and whatever the bus does."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.aws.faulty_bus import FaultyBus, faulty_bus
from tests.aws.listening import Queue, a_bus
from tests.aws.moto_server import REGION, MotoServer
from tests.aws.runtime_api import LambdaFunction, lambda_function
from tests.aws.told import ORG, rows, told
from tests.database import DatabaseUrls
from tests.usecases.world import SOAK, open_world, work_completed
from vendorpay.entrypoints.aws.functions import MESSAGES_HANDLER, PUMP_HANDLER
from vendorpay.entrypoints.aws.metric_names import NAMESPACE, STAGE_DIMENSION, STANDING

OURS = {"source": ["roadcall.payment-service"]}
WHILE_S = 9.0
"""The time of an invocation here; a third of it is for work."""
FIRST_S = 7.5
"""That of the first, which has only to put the bus among the listeners."""
MINUTES_MAX = 10


@pytest.fixture
def way(moto: MotoServer) -> Iterator[FaultyBus]:
    with faulty_bus(moto.url) as opened:
        yield opened


@pytest.fixture
def bus(moto: MotoServer) -> Iterator[tuple[str, Queue]]:
    with a_bus(moto, OURS) as made:
        yield made


Make = Callable[..., LambdaFunction]


@pytest.fixture
def pump(database_urls: DatabaseUrls, way: FaultyBus, bus: tuple[str, Queue]) -> Iterator[Make]:
    """Makes an execution environment of the pump at each call."""
    name, _ = bus
    given = {"EVENT_BUS_NAME": name, "AWS_ENDPOINT_URL": way.url, "AWS_DEFAULT_REGION": REGION}
    made: list[LambdaFunction] = []

    def make(**settings: str) -> LambdaFunction:
        made.append(LambdaFunction(PUMP_HANDLER, told("pump", database_urls, **given, **settings)).__enter__())
        return made[-1]

    yield make
    for function in made:
        function.__exit__(None, None)


def lives(urls: DatabaseUrls, many: int) -> None:
    """So many payments are created and approved."""

    async def live() -> None:
        async with open_world(urls) as world:
            payments = [await world.create() for _ in range(many)]
            await asyncio.gather(*(world.approve(payment.payment_id) for payment in payments))

    asyncio.run(live())


def until(condition: Callable[[], bool], *, within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def pending(urls: DatabaseUrls) -> int:
    return int(rows(urls, "SELECT count(*) AS n FROM deliveries WHERE state = 'pending'")[0]["n"])


def lines(events: list[dict[str, Any]]) -> dict[str, list[int]]:
    """The sequences of each payment in the order of their first coming."""
    found: dict[str, list[int]] = {}
    for event in events:
        line = found.setdefault(event["detail"]["paymentId"], [])
        if event["detail"]["sequence"] not in line:
            line.append(event["detail"]["sequence"])
    return found


def published(urls: DatabaseUrls) -> set[str]:
    return {str(row["event_id"]) for row in rows(urls, "SELECT event_id FROM outbox")}


def ids(events: list[dict[str, Any]]) -> list[str]:
    return [event["detail"]["eventId"] for event in events]


def test_what_was_committed_reaches_the_bus_in_order_and_once(
    pump: Make, bus: tuple[str, Queue], database_urls: DatabaseUrls
) -> None:
    """origin 8: what goes out names the source and the types that listeners were promised."""
    function = pump()
    assert function.invoke({"timer": "pump"}, timeout_s=FIRST_S)["seconds"] <= FIRST_S
    lives(database_urls, 12)
    answer = function.invoke({"timer": "pump"}, timeout_s=WHILE_S)
    assert 1 <= answer["seconds"] < WHILE_S
    until_settled(function, database_urls)
    found = bus[1].events()
    assert sorted(ids(found)) == sorted(published(database_urls))
    assert {event["source"] for event in found} == {"roadcall.payment-service"}
    assert {event["detail-type"] for event in found} >= {"PaymentCreated", "PaymentApproved"}
    assert {event["detail"]["orgId"] for event in found} == {ORG}
    assert all(line == sorted(line) for line in lines(found).values())
    assert pending(database_urls) == 0
    assert not rows(database_urls, "SELECT 1 FROM relay_leases WHERE holder IS NOT NULL"), "the next one need not wait"


def test_each_invocation_tells_cloudwatch_how_things_stand(pump: Make, database_urls: DatabaseUrls) -> None:
    function = pump()
    lives(database_urls, 1)
    function.invoke({"timer": "pump"}, timeout_s=FIRST_S)
    (line,) = [line for line in function.log().splitlines() if line.startswith('{"_aws"')]
    told_of = json.loads(line)
    (directive,) = told_of["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == NAMESPACE
    assert directive["Dimensions"] == [[STAGE_DIMENSION]]
    assert told_of[STAGE_DIMENSION] == "test"
    assert [metric["Name"] for metric in directive["Metrics"]] == [metric.name for metric in STANDING]
    assert {metric["Unit"] for metric in directive["Metrics"]} == {"Seconds", "Count"}
    assert all(isinstance(told_of[metric.name], float) for metric in STANDING)
    assert (told_of["DatabaseUp"], told_of["DeadLetters"]) == (1.0, 0.0)
    assert told_of["PartitionMonthsLeft"] >= 2
    assert abs(told_of["_aws"]["Timestamp"] / 1000 - time.time()) < 60


def test_entries_that_the_bus_refuses_are_sent_again_and_the_others_are_not(
    pump: Make, way: FaultyBus, bus: tuple[str, Queue], database_urls: DatabaseUrls
) -> None:
    """origin 28: PutEvents answers 200, and says of single entries that they failed."""
    refused: set[str] = set()

    def first_time(entry: dict[str, Any]) -> str | None:
        event_id = json.loads(entry["Detail"])["eventId"]
        if hash(event_id) % 3 or event_id in refused:
            return None
        refused.add(event_id)
        return "ThrottlingException"

    function = pump()
    function.invoke({}, timeout_s=FIRST_S)
    way.refuses = first_time
    lives(database_urls, 15)
    until_settled(function, database_urls)
    assert refused
    found = bus[1].events()
    assert sorted(ids(found)) == sorted(published(database_urls)), "none is lost, none comes twice"
    assert all(line == sorted(line) for line in lines(found).values())
    tried_again = rows(database_urls, "SELECT event_id::text FROM deliveries WHERE attempts > 1")
    assert {row["event_id"] for row in tried_again} == refused


def test_two_at_once_share_the_work_and_one_that_is_killed_loses_nothing(
    pump: Make, bus: tuple[str, Queue], database_urls: DatabaseUrls
) -> None:
    doomed, other = pump(), pump()
    doomed.invoke({}, timeout_s=FIRST_S)
    lives(database_urls, 40)
    under_way = doomed.begin({}, timeout_s=120)
    until(lambda: bool(rows(database_urls, "SELECT 1 FROM deliveries WHERE state = 'delivered'")))
    lives(database_urls, 20)
    doomed.kill()
    assert not under_way.ended.is_set()
    with ThreadPoolExecutor(2) as both:
        for ended in [both.submit(until_settled, function, database_urls, 2 * WHILE_S) for function in (other, pump())]:
            ended.result()
    found = bus[1].events()
    assert set(ids(found)) == published(database_urls)
    assert all(line == sorted(line) for line in lines(found).values())


def test_a_bus_that_goes_away_for_a_while_loses_nothing_and_no_try_is_counted(
    pump: Make, way: FaultyBus, bus: tuple[str, Queue], database_urls: DatabaseUrls
) -> None:
    """For a minute with VENDORPAY_SOAK=1, else for seconds."""
    function = pump()
    function.invoke({}, timeout_s=FIRST_S)
    way.down = True
    lives(database_urls, 10)
    back_at = time.monotonic() + (60 if SOAK else 2)
    while time.monotonic() < back_at:
        function.invoke({}, timeout_s=WHILE_S)
    assert pending(database_urls) == 20
    assert bus[1].events() == []
    way.down = False
    until_settled(function, database_urls)
    found = bus[1].events()
    assert sorted(ids(found)) == sorted(published(database_urls)), "nothing lost, nothing doubled"
    assert rows(database_urls, "SELECT DISTINCT attempts FROM deliveries") == [{"attempts": 1}]


def test_answers_that_do_not_come_back_repeat_events_and_lose_none(
    pump: Make, way: FaultyBus, bus: tuple[str, Queue], database_urls: DatabaseUrls
) -> None:
    function = pump()
    function.invoke({}, timeout_s=FIRST_S)
    way.mute = True
    lives(database_urls, 3)
    function.invoke({}, timeout_s=WHILE_S)
    assert pending(database_urls) == 6, "nobody knows that they were taken"
    way.mute = False
    until_settled(function, database_urls)
    found = bus[1].events()
    assert set(ids(found)) == published(database_urls)
    assert len(found) > 6
    assert all(line == [1, 2] for line in lines(found).values())


def is_settled(urls: DatabaseUrls) -> bool:
    """Whether everything that was committed has its position, and was delivered."""
    counts = "SELECT (SELECT count(*) FROM outbox) AS events, (SELECT count(*) FROM feed_positions) AS placed"
    (found,) = rows(urls, counts)
    return bool(found["events"] == found["placed"]) and not pending(urls)


def until_settled(function: LambdaFunction, urls: DatabaseUrls, while_s: float = WHILE_S) -> None:
    """The pump's minutes go by."""
    for _ in range(MINUTES_MAX):
        if is_settled(urls):
            return
        function.invoke({}, timeout_s=while_s)
    raise AssertionError("something still waits")


def test_what_waits_for_a_score_gets_it_from_the_pump_and_only_then_may_be_approved(
    pump: Make, bus: tuple[str, Queue], database_urls: DatabaseUrls
) -> None:
    """A new vendor's first payment of 5,000.00 is flagged, however it came."""
    with lambda_function(
        MESSAGES_HANDLER, told("work-completed-handler", database_urls, VENDORPAY_FRAUD_PROVIDER="embedded")
    ) as coming_in:
        function = pump(VENDORPAY_FRAUD_PROVIDER="embedded")
        function.invoke({}, timeout_s=FIRST_S)
        pricing = {"basePrice": 500_000, "mileageCharge": 0, "additionalCharges": []}
        events = (work_completed(), work_completed(detail={"pricing": pricing}))
        records = [{"messageId": "m", "eventSource": "aws:sqs", "body": event.decode()} for event in events]
        assert coming_in.invoke({"Records": records}) == {"batchItemFailures": []}
        assert {row["fraud_gate"] for row in rows(database_urls, "SELECT fraud_gate FROM payments")} == {
            "score_pending"
        }
        until_settled(function, database_urls)
    found = rows(database_urls, "SELECT amount_cents, fraud_gate, fraud_status FROM payments ORDER BY amount_cents")
    assert [(row["amount_cents"], row["fraud_gate"]) for row in found] == [
        (12_800, "clear"),
        (500_000, "review_required"),
    ]
    assert found[1]["fraud_status"] == "flagged"
    assert "FraudDetected" in {event["detail-type"] for event in bus[1].events()}
