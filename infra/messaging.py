"""Messages: the bus, what comes in by it, what goes out by it, and where what fails waits for a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.keys import key
from infra.stages import Stage
from vendorpay.domain.feed import SOURCE
from vendorpay.domain.setting_values import EVENT_SOURCES
from vendorpay.entrypoints.aws.functions import APPROVALS, FUNCTIONS, FromQueue

VISIBILITY_S: Final = 300
LONG_POLL_S: Final = 20
FAILED_FOR_DAYS: Final = 14
KEPT_FOR_DAYS: Final = 4
UNDELIVERED: Final = "undelivered"
_TRIES_MAX: Final = 185
_AGE_H_MAX: Final = 24


@dataclass(frozen=True, kw_only=True)
class Line:
    """A queue with the one where its failures go."""

    queue: sqs.Queue
    failures: sqs.Queue


class Messaging(Stack):
    """Bus, rules, archive, queues; and the topic on which notices to people leave."""

    def __init__(self, scope: Construct, stage: Stage) -> None:
        name = stage.named("messaging")
        super().__init__(scope, name, description=f"{name}: bus, rules, queues")
        self._stage = stage
        self.key = key(self, stage, "messages", services=["events.amazonaws.com"])
        self.bus = self._bus()
        self.undelivered = self._queue(UNDELIVERED, days=FAILED_FOR_DAYS)
        self.lines = {trigger.queue: self._line(trigger.queue, trigger.receives_max) for trigger in _incoming()}
        for trigger in _incoming():
            self._rule(trigger)
        self.notices = sns.Topic(
            self, "Notices", topic_name=stage.named("notices"), master_key=self.key, enforce_ssl=True
        )
        self._outputs()

    @property
    def failures(self) -> dict[str, sqs.Queue]:
        """Every queue that ought to be empty, by its name without the stage."""
        found = {f"{name}-failures": line.failures for name, line in self.lines.items()}
        return {**found, UNDELIVERED: self.undelivered}

    def _bus(self) -> events.IEventBus:
        """Ours, or one that another owner named: a bus has one owner, who makes it and its archive (origin 10)."""
        if self._stage.shared_bus is not None:
            return events.EventBus.from_event_bus_name(self, "Bus", self._stage.shared_bus)
        bus = events.EventBus(self, "Bus", event_bus_name=self._stage.named("bus"), description="Work and payments")
        # A key of ours would take the archive away: EventBridge keeps none of a bus with one.
        bus.archive(
            "Archive",
            archive_name=self._stage.named("archive"),
            description="Everything of the last days, to be sent through the bus once more",
            event_pattern=events.EventPattern(source=[*sorted(EVENT_SOURCES), SOURCE]),
            retention=Duration.days(self._stage.event_days),
        )
        return bus

    def _line(self, name: str, receives_max: int) -> Line:
        failures = self._queue(f"{name}-failures", days=FAILED_FOR_DAYS)
        after = sqs.DeadLetterQueue(queue=failures, max_receive_count=receives_max)
        return Line(queue=self._queue(name, days=KEPT_FOR_DAYS, after=after), failures=failures)

    def _queue(self, name: str, *, days: int, after: sqs.DeadLetterQueue | None = None) -> sqs.Queue:
        return sqs.Queue(
            self,
            _in_one_word(name),
            queue_name=self._stage.named(name),
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=self.key,
            enforce_ssl=True,
            visibility_timeout=Duration.seconds(VISIBILITY_S),
            receive_message_wait_time=Duration.seconds(LONG_POLL_S),
            retention_period=Duration.days(days),
            dead_letter_queue=after,
        )

    def _rule(self, trigger: FromQueue) -> None:
        name, types = trigger.queue, ", ".join(trigger.detail_types)
        sources = [SOURCE] if trigger.of_ours else sorted(EVENT_SOURCES)
        events.Rule(
            self,
            f"{_in_one_word(name)}Rule",
            rule_name=self._stage.named(name),
            description=f"{types} to {self._stage.named(name)}",
            event_bus=self.bus,
            event_pattern=events.EventPattern(source=sources, detail_type=list(trigger.detail_types)),
            targets=[
                targets.SqsQueue(
                    self.lines[name].queue,
                    dead_letter_queue=self.undelivered,
                    retry_attempts=_TRIES_MAX,
                    max_event_age=Duration.hours(_AGE_H_MAX),
                )
            ],
        )

    def _outputs(self) -> None:
        CfnOutput(self, "EventBusName", value=self.bus.event_bus_name)
        CfnOutput(self, "ApprovalQueueUrl", value=self.lines[APPROVALS].queue.queue_url)
        CfnOutput(self, "NoticeTopicArn", value=self.notices.topic_arn)


def _incoming() -> list[FromQueue]:
    return [trigger for row in FUNCTIONS for trigger in row.triggers if isinstance(trigger, FromQueue)]


def _in_one_word(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))


def message_key(messaging: Messaging) -> kms.Key:
    """The key of queues and topics."""
    return messaging.key
