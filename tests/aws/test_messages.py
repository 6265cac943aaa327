"""Events as functions: ten are one transaction, and whatever dies in the middle, each becomes one payment."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

import pytest

from tests.aws.runtime_api import FunctionError, LambdaFunction, TimedOut, lambda_function
from tests.aws.told import ORG, away, count, rows, told, writers_held_up
from tests.database import DatabaseUrls
from tests.usecases.world import rounds, work_completed
from vendorpay.domain.setting_values import EVENT_SOURCES
from vendorpay.entrypoints.aws.functions import MESSAGES_HANDLER
from vendorpay.entrypoints.aws.messages import read

NAME = "work-completed-handler"
Batch = dict[str, Any]


@pytest.fixture
def function(database_urls: DatabaseUrls) -> Iterator[LambdaFunction]:
    with lambda_function(MESSAGES_HANDLER, told(NAME, database_urls)) as started:
        yield started


def batch(*bodies: bytes | str) -> Batch:
    """Messages as Lambda hands them over."""
    return {
        "Records": [
            {
                "messageId": str(uuid4()),
                "receiptHandle": "x",
                "body": body.decode() if isinstance(body, bytes) else body,
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:work-completed",
                "awsRegion": "eu-west-1",
            }
            for body in bodies
        ]
    }


def failed(answer: Any) -> set[str]:
    """The messages that have to come again."""
    return {one["itemIdentifier"] for one in answer["batchItemFailures"]}


def ids(messages: Batch) -> set[str]:
    return {record["messageId"] for record in messages["Records"]}


def waits_for_a_lock(urls: DatabaseUrls) -> None:
    """Returns when somebody does."""
    deadline = time.monotonic() + 20
    query = "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
    while not rows(urls, query, urls.name):
        assert time.monotonic() < deadline, "nobody waits"
        time.sleep(0.02)


def test_ten_events_are_one_transaction_and_one_payment_each(
    function: LambdaFunction, database_urls: DatabaseUrls
) -> None:
    """origin 5, 6: either source that the producing side has ever named arrives, end to end."""
    sources = sorted(EVENT_SOURCES)
    events = [work_completed(source=sources[n % 2]) for n in range(10)]
    assert function.invoke(batch(*events)) == {"batchItemFailures": []}
    found = rows(database_urls, "SELECT org_id, created_by, xmin::text AS tx, amount_cents FROM payments")
    assert len(found) == 10
    assert {(row["org_id"], row["created_by"], row["amount_cents"]) for row in found} == {
        (ORG, "system:eventbridge", 12_800)
    }
    assert len({row["tx"] for row in found}) == 1
    assert rows(database_urls, "SELECT DISTINCT actor_id, actor_type FROM payment_audit_log") == [
        {"actor_id": "system:eventbridge", "actor_type": "system"}
    ]
    assert '"accepted":10' in function.log()


def test_what_comes_again_changes_nothing(function: LambdaFunction, database_urls: DatabaseUrls) -> None:
    event = work_completed()
    messages = batch(event, event, *(work_completed() for _ in range(3)))
    for _ in range(3):
        assert failed(function.invoke(messages)) == set()
    assert count(database_urls, "payments") == 4
    assert count(database_urls, "inbox") == 4


def test_what_cannot_be_read_is_kept_and_not_tried_again(function: LambdaFunction, database_urls: DatabaseUrls) -> None:
    bad: Sequence[bytes | str] = (
        "no JSON",
        "",
        "[]",
        '"\\ud800"',
        '{"id": 1e999, "detail-type": "WorkCompleted"}',
        work_completed(source="somebody.else"),
        work_completed().replace(b"WorkCompleted", b"WorkBegun"),
        work_completed(detail={"pricing": {"basePrice": 0, "mileageCharge": 0}}),
        work_completed(detail={"incidentId": None, "vendorId": "x"}),
    )
    assert failed(function.invoke(batch(*bad, work_completed()))) == set()
    assert count(database_urls, "payments") == 1
    assert count(database_urls, "quarantine") == len(bad)
    assert count(database_urls, "inbox") == 1


def test_an_event_straight_from_the_bus_is_recorded_too(function: LambdaFunction, database_urls: DatabaseUrls) -> None:
    event = json.loads(work_completed(version="0", account="123456789012", region="eu-west-1", resources=[]))
    for _ in range(2):
        assert function.invoke(event) == {"batchItemFailures": []}
    assert count(database_urls, "payments") == 1
    with away(database_urls), pytest.raises(FunctionError) as caught:
        function.invoke({**event, "id": str(uuid4())})
    assert caught.value.type == "NotRecorded"


@pytest.mark.parametrize("event", [{}, [], None, "x", {"Records": [None]}, {"Records": [{"eventSource": "aws:sns"}]}])
def test_whatever_else_it_is_woken_with_is_kept_as_well(
    event: Any, function: LambdaFunction, database_urls: DatabaseUrls
) -> None:
    assert function.invoke(event) == {"batchItemFailures": []}
    assert count(database_urls, "quarantine") == 1


def test_a_database_that_is_away_is_nobodys_fault_and_its_return_is_noticed_at_once(
    function: LambdaFunction, database_urls: DatabaseUrls
) -> None:
    before, messages = batch(work_completed()), batch("no JSON", *(work_completed() for _ in range(9)))
    assert failed(function.invoke(before)) == set()
    with away(database_urls):
        assert failed(function.invoke(messages)) == ids(messages)
    assert failed(function.invoke(messages)) == set()
    assert (count(database_urls, "payments"), count(database_urls, "quarantine")) == (10, 1)


def test_time_that_runs_out_in_the_middle_loses_nothing_and_doubles_nothing(
    function: LambdaFunction, database_urls: DatabaseUrls
) -> None:
    function.invoke(batch(work_completed()))
    messages = batch(*(work_completed() for _ in range(10)))
    with writers_held_up(database_urls):
        assert failed(function.invoke(messages, timeout_s=3)) == ids(messages)
    assert failed(function.invoke(messages)) == set()
    assert count(database_urls, "payments") == 11


def test_a_function_that_is_killed_in_the_middle_loses_nothing_and_doubles_nothing(
    function: LambdaFunction, database_urls: DatabaseUrls
) -> None:
    function.invoke(batch(work_completed()))
    many = rounds(2, 100)
    for _ in range(many):
        messages = batch(*(work_completed() for _ in range(10)))
        with writers_held_up(database_urls):
            under_way = function.begin(messages)
            waits_for_a_lock(database_urls)
            function.kill()
        assert not under_way.ended.is_set()
        assert failed(function.invoke(messages)) == set()
    assert count(database_urls, "payments") == 1 + 10 * many


def test_lambdas_own_end_of_time_loses_nothing_and_doubles_nothing(
    function: LambdaFunction, database_urls: DatabaseUrls
) -> None:
    function.invoke(batch(work_completed()))
    messages = batch(*(work_completed() for _ in range(10)))
    with writers_held_up(database_urls):
        under_way = function.begin(messages)
        waits_for_a_lock(database_urls)
        function.freeze()  # it cannot even notice that its time is over
        under_way.deadline_ms = 0
        with pytest.raises(TimedOut):
            function.finish(under_way)
    assert failed(function.invoke(messages)) == set()
    assert count(database_urls, "payments") == 11


def test_text_that_is_no_text_is_kept_byte_for_byte() -> None:
    (message,) = read({"Records": [{"messageId": "m", "eventSource": "aws:sqs", "body": "\ud800"}]})
    assert message.raw == b"\xed\xa0\x80"
    assert [message.raw for message in read({"id": "\ud800", "n": float("inf")})] == [b'{"id":"\\ud800","n":Infinity}']


def test_nothing_heavy_is_loaded_where_events_come_in() -> None:
    looking = f"import sys, {MESSAGES_HANDLER.rpartition('.')[0]}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", looking], capture_output=True, text=True, check=True).stdout.split()
    assert "psycopg" in loaded
    assert not {"boto3", "botocore", "typer", "rich", "uvicorn", "httpcore", "stripe", "jwt"}.intersection(loaded)
