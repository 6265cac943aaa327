"""From the bus through a queue to the function: what comes again, or waits for a person first, is recorded once."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.aws.listening import Queue, a_queue
from tests.aws.moto_server import MotoServer
from tests.aws.runtime_api import LambdaFunction, lambda_function
from tests.aws.told import away, count, rows, told, writers_held_up
from tests.database import DatabaseUrls
from tests.usecases.world import work_completed
from vendorpay.domain.setting_values import EVENT_SOURCES
from vendorpay.entrypoints.aws.functions import MESSAGES_HANDLER, FromQueue, function

NAME = "work-completed-handler"
RECEIVES_MAX = 3
VISIBILITY_S = 1
PATIENCE_S = 30.0
(TRIGGER,) = (trigger for trigger in function(NAME).triggers if isinstance(trigger, FromQueue))


@dataclass
class Line:
    """A bus, the queue that a rule fills, and where goes what was received too often."""

    events: Any
    bus: str
    queue: Queue
    failures: Queue

    def publish(self, *events: bytes) -> None:
        """As the producing side does, ten at most."""
        entries = [
            {
                "EventBusName": self.bus,
                "Source": event["source"],
                "DetailType": event["detail-type"],
                "Detail": json.dumps(event["detail"]),
            }
            for event in map(json.loads, events)
        ]
        assert self.events.put_events(Entries=entries)["FailedEntryCount"] == 0

    def received(self, many: int) -> list[dict[str, Any]]:
        """The next messages; waits until so many can be seen, for they come back one by one."""
        deadline = time.monotonic() + PATIENCE_S
        while self._visible() < many:
            assert time.monotonic() < deadline, "they do not come"
            time.sleep(0.05)
        return self.queue.take(visibility_s=VISIBILITY_S)

    def _visible(self) -> int:
        name = "ApproximateNumberOfMessages"
        told = self.queue.sqs.get_queue_attributes(QueueUrl=self.queue.url, AttributeNames=[name])
        return int(told["Attributes"][name])

    def settle(self, messages: list[dict[str, Any]], answer: Any) -> None:
        """What Lambda does with an answer: deletes what the function has not named."""
        failed = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
        for message in messages:
            if message["MessageId"] not in failed:
                self.queue.remove(message)


@pytest.fixture
def line(moto: MotoServer) -> Line:
    """As infra makes it for the trigger of the table, but sooner at the end of its patience."""
    events, failures = moto.client("events"), a_queue(moto, "failures")
    policy = json.dumps({"deadLetterTargetArn": failures.arn, "maxReceiveCount": str(RECEIVES_MAX)})
    queue = a_queue(moto, TRIGGER.queue, RedrivePolicy=policy)
    name = queue.arn.rpartition(":")[2]
    events.create_event_bus(Name=name)
    pattern = {"source": sorted(EVENT_SOURCES), "detail-type": list(TRIGGER.detail_types)}
    events.put_rule(Name=name, EventBusName=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, EventBusName=name, Targets=[{"Id": "queue", "Arn": queue.arn}])
    return Line(events, name, queue, failures)


@pytest.fixture
def handling(database_urls: DatabaseUrls) -> Iterator[LambdaFunction]:
    with lambda_function(MESSAGES_HANDLER, told(NAME, database_urls)) as started:
        yield started


def batch(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """The messages as Lambda hands them over."""
    records = [{"messageId": m["MessageId"], "body": m["Body"], "eventSource": "aws:sqs"} for m in messages]
    return {"Records": records}


def test_what_others_publish_arrives_by_the_rule_and_nothing_else_does(
    line: Line, handling: LambdaFunction, database_urls: DatabaseUrls
) -> None:
    """origin 5, 6: rule, producing side and consumer name the same sources and the same type."""
    line.publish(*(work_completed(source=source) for source in sorted(EVENT_SOURCES)))
    line.publish(work_completed(source="roadcall.vendor-service"), work_completed().replace(b"WorkCompl", b"WorkRepl"))
    messages = line.received(len(EVENT_SOURCES))
    line.settle(messages, handling.invoke(batch(messages)))
    assert count(database_urls, "payments") == len(EVENT_SOURCES)
    sources = rows(database_urls, "SELECT source FROM inbox ORDER BY source")
    assert [row["source"] for row in sources] == sorted(EVENT_SOURCES)
    assert (count(database_urls, "quarantine"), line.queue.events()) == (0, [])


def test_what_a_dead_function_had_in_hand_comes_again_and_is_recorded_once(
    line: Line, handling: LambdaFunction, database_urls: DatabaseUrls
) -> None:
    line.publish(*(work_completed() for _ in range(10)))
    with writers_held_up(database_urls):
        under_way = handling.begin(batch(line.received(10)))
        while not rows(database_urls, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
            time.sleep(0.02)
        handling.kill()
    assert not under_way.ended.is_set()
    messages = line.received(10)
    line.settle(messages, handling.invoke(batch(messages)))
    assert count(database_urls, "payments") == 10
    assert line.failures.events() == []


def test_what_fails_too_often_waits_for_a_person_and_is_recorded_once_when_sent_again(
    line: Line, handling: LambdaFunction, database_urls: DatabaseUrls
) -> None:
    line.publish(*(work_completed() for _ in range(3)))
    for _ in range(RECEIVES_MAX - 1):
        line.received(3)  # by a function that dies at once, and says nothing
    with away(database_urls):
        messages = line.received(3)
        answer = handling.invoke(batch(messages))
    assert len(answer["batchItemFailures"]) == len(messages) == 3
    line.settle(messages, answer)
    time.sleep(VISIBILITY_S)
    assert line.queue.take() == []
    for event in line.failures.events():
        line.queue.sqs.send_message(QueueUrl=line.queue.url, MessageBody=json.dumps(event))
    messages = line.received(3)
    line.settle(messages, handling.invoke(batch(messages)))
    assert count(database_urls, "payments") == 3
    assert line.queue.events() == line.failures.events() == []
