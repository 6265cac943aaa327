"""The stand-ins for EventBridge and SQS: moto's bus, rules and queues, and what Lambda does behind a queue."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from tests.aws.moto_server import ACCOUNT, REGION, MotoServer
from tests.aws.runtime_api import Crashed, FunctionError, TimedOut
from vendorpay.domain.feed import SOURCE
from vendorpay.domain.setting_values import EVENT_SOURCES
from vendorpay.entrypoints.aws.functions import FUNCTIONS, FromQueue

BUS: Final = "vendorpay-test-bus"
HEARD: Final = "heard"
"""A queue that gets every payment that the service tells of."""
ENTRIES_MAX: Final = 10
LISTENS_EVERY_S: Final = 0.3
AWAY: Final = (BotoCoreError, ClientError)

Invoke = Callable[[str, Any], Any]


class Messages:
    """The bus, its rules, and their queues, as infra/messaging.py makes them."""

    def __init__(self, moto: MotoServer) -> None:
        self._events, self._sqs = moto.client("events"), moto.client("sqs")
        self._events.create_event_bus(Name=BUS)
        self.urls: dict[str, str] = {}
        for trigger in incoming().values():
            sources = [SOURCE] if trigger.of_ours else sorted(EVENT_SOURCES)
            self._rule(trigger.queue, {"source": sources, "detail-type": list(trigger.detail_types)})
        self._rule(HEARD, {"source": [SOURCE], "detail-type": ["PaymentCreated"]})

    def publish(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Events of others onto the bus, each with its own source and type."""
        for start in range(0, len(events), ENTRIES_MAX):
            entries = [
                {
                    "EventBusName": BUS,
                    "Source": event["source"],
                    "DetailType": event["detail-type"],
                    "Detail": json.dumps(event["detail"]),
                }
                for event in events[start : start + ENTRIES_MAX]
            ]
            answer = self._events.put_events(Entries=entries)
            assert answer["FailedEntryCount"] == 0, answer

    def send(self, queue: str, bodies: Sequence[str]) -> None:
        """Messages straight into a queue, as a rule that matched puts them."""
        for start in range(0, len(bodies), ENTRIES_MAX):
            entries = [
                {"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies[start : start + ENTRIES_MAX])
            ]
            answer = self._sqs.send_message_batch(QueueUrl=self.urls[queue], Entries=entries)
            assert not answer.get("Failed"), answer

    def receive(self, queue: str) -> list[dict[str, Any]]:
        """Up to ten messages of a queue."""
        answer = self._sqs.receive_message(
            QueueUrl=self.urls[queue], MaxNumberOfMessages=10, AttributeNames=["All"], WaitTimeSeconds=0
        )
        found: list[dict[str, Any]] = answer.get("Messages", [])
        return found

    def delete(self, queue: str, messages: Sequence[Mapping[str, Any]]) -> None:
        """They have been dealt with."""
        for start in range(0, len(messages), ENTRIES_MAX):
            some = messages[start : start + ENTRIES_MAX]
            done = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(some)]
            self._sqs.delete_message_batch(QueueUrl=self.urls[queue], Entries=done)

    def drain(self, queue: str) -> Iterator[dict[str, Any]]:
        """The envelopes that wait in a queue, which are gone then."""
        while messages := self.receive(queue):
            yield from (json.loads(message["Body"]) for message in messages)
            self.delete(queue, messages)  # last: where its answer is lost, they have been heard

    def waiting(self, queue: str) -> int:
        """How many messages a queue has, those that somebody is busy with included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self._sqs.get_queue_attributes(QueueUrl=self.urls[queue], AttributeNames=names)
        return sum(int(value) for value in answer["Attributes"].values())

    def _rule(self, queue: str, pattern: Mapping[str, Any]) -> None:
        made = self._sqs.create_queue(QueueName=f"vendorpay-test-{queue}", Attributes={"VisibilityTimeout": "20"})
        self.urls[queue] = made["QueueUrl"]
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:vendorpay-test-{queue}"
        name = f"vendorpay-test-{queue}"
        self._events.put_rule(Name=name, EventBusName=BUS, EventPattern=json.dumps(pattern))
        self._events.put_targets(Rule=name, EventBusName=BUS, Targets=[{"Id": "queue", "Arn": arn}])


class Listener:
    """Somebody outside who takes what the service tells of. Their queue does not grow long: moto counts each of its
    messages whenever one comes or goes.
    """

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self.heard: Counter[str] = Counter()
        """How often each payment was told of."""
        self.amounts_cents: dict[str, int] = {}

    def run(self, stop: threading.Event) -> None:
        while not stop.wait(LISTENS_EVERY_S):
            with suppress(*AWAY):
                self._take()

    def _take(self) -> None:
        for envelope in self._messages.drain(HEARD):
            payment = envelope["detail"]["paymentId"]
            self.amounts_cents[payment] = envelope["detail"]["amountCents"]
            self.heard[payment] += 1


class QueueReader:
    """What Lambda's event source mapping does: receives, invokes, and deletes what the function did not name."""

    def __init__(
        self, messages: Messages, trigger: FromQueue, name: str, invoke: Invoke, resting: Container[str] = ()
    ) -> None:
        self._messages, self._trigger, self._name, self._invoke = messages, trigger, name, invoke
        self._resting = resting

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            took = 0
            with suppress(*AWAY):
                took = 0 if self._trigger.queue in self._resting else self.step()
            if not took:
                stop.wait(0.1)

    def step(self) -> int:
        """One batch; how many messages it had."""
        received = self._received()
        if not received:
            return 0
        event = records(received, self._trigger.queue)
        try:
            answer = self._invoke(self._name, event)
        except (Crashed, FunctionError, TimedOut):
            return len(received)  # all of them come again when they are visible again
        failed = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
        done = [message for message in received if message["MessageId"] not in failed]
        self._messages.delete(self._trigger.queue, done)
        return len(received)

    def _received(self) -> list[dict[str, Any]]:
        """As many as the trigger takes at once; SQS gives them out by the ten."""
        received: list[dict[str, Any]] = []
        while len(received) < self._trigger.batch:
            more = self._messages.receive(self._trigger.queue)
            received += more
            if len(more) < ENTRIES_MAX:
                break
        return received


def incoming() -> dict[str, FromQueue]:
    """The functions that queues wake, with their queues."""
    return {row.name: trigger for row in FUNCTIONS for trigger in row.triggers if isinstance(trigger, FromQueue)}


def records(messages: Sequence[Mapping[str, Any]], queue: str) -> dict[str, Any]:
    """Messages that were received, as Lambda hands them over."""
    return {"Records": [_record(message, queue) for message in messages]}


def _record(message: Mapping[str, Any], queue: str) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:vendorpay-test-{queue}",
        "awsRegion": REGION,
    }
