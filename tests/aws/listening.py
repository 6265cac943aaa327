"""Somebody who listens to the bus: a rule of moto's EventBridge, and the queue it fills."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from tests.aws.moto_server import MotoServer

RECEIVED_MAX = 10


@dataclass
class Queue:
    """A queue in moto."""

    sqs: Any
    url: str
    arn: str

    def take(self, *, visibility_s: int = 30) -> list[dict[str, Any]]:
        """What is there and visible, at most ten messages, hidden from now on."""
        answer = self.sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=RECEIVED_MAX, VisibilityTimeout=visibility_s, WaitTimeSeconds=0
        )
        found: list[dict[str, Any]] = answer.get("Messages", [])
        return found

    def remove(self, message: Mapping[str, Any]) -> None:
        """It has been dealt with."""
        self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])

    def events(self) -> list[dict[str, Any]]:
        """All events that are there, each taken away."""
        found: list[dict[str, Any]] = []
        while messages := self.take():
            for message in messages:
                found.append(json.loads(message["Body"]))
                self.remove(message)
        return found


def a_queue(moto: MotoServer, name: str, **attributes: str) -> Queue:
    """A new queue."""
    sqs = moto.client("sqs")
    url = sqs.create_queue(QueueName=f"{name}-{uuid4().hex[:8]}", Attributes=attributes)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return Queue(sqs, url, arn)


@contextmanager
def a_bus(moto: MotoServer, pattern: Mapping[str, Any]) -> Iterator[tuple[str, Queue]]:
    """The name of a new bus, and a queue that gets what fits the pattern."""
    events = moto.client("events")
    name = f"bus-{uuid4().hex[:8]}"
    events.create_event_bus(Name=name)
    queue = a_queue(moto, "listener")
    events.put_rule(Name=f"rule-{name}", EventBusName=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=f"rule-{name}", EventBusName=name, Targets=[{"Id": "queue", "Arn": queue.arn}])
    yield name, queue
