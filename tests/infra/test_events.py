"""What the bus carries arrives: the rules match what is really published, on both sides of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from moto.events.models import EventPattern

from tests.infra.templates import Templates, listed, plain
from vendorpay.api import examples
from vendorpay.domain.feed import SOURCE
from vendorpay.domain.published import EVENT_TYPES
from vendorpay.entrypoints.aws.functions import FUNCTIONS, WAKES_REVIEW, FromQueue

PUBLISHERS = ("roadcall.incident-service", "roadcall.incident")
"""Contract 5: both names are in use."""


def rules(own: Templates) -> list[dict[str, Any]]:
    """The rules that look at events, not at the clock."""
    return [each.properties for each in own.resources("AWS::Events::Rule") if "EventPattern" in each.properties]


def matches(rule: dict[str, Any], event: Any) -> bool:
    """Whether a rule takes an event, by moto's reading of EventBridge's patterns."""
    return EventPattern.load(json.dumps(rule["EventPattern"])).matches_event(event)


def queues_reached(own: Templates, event: dict[str, Any]) -> set[str]:
    """The queues that get an event, as EventBridge would decide."""
    names = {each.logical_id: each.properties["QueueName"] for each in own.resources("AWS::SQS::Queue")}
    return {
        name
        for rule in rules(own)
        if matches(rule, event)
        for target in rule["Targets"]
        for logical_id, name in names.items()
        if plain(target["Arn"]) == f"<{logical_id}.Arn>"
    }


@pytest.mark.parametrize("source", PUBLISHERS)
def test_completed_work_reaches_its_function_whichever_name_it_is_published_under(
    own: Templates, stage: str, source: str
) -> None:
    """origin 5: the rule listened to one name, and the publisher used the other."""
    event = {**examples.WORK_COMPLETED, "source": source}
    assert event["detail-type"] == "WorkCompleted"
    assert queues_reached(own, event) == {f"vendorpay-{stage}-work-completed"}


@pytest.mark.parametrize("source", ["roadcall.payment-service", "roadcall.incidents", "aws.events", ""])
def test_completed_work_of_anybody_else_reaches_nobody(own: Templates, source: str) -> None:
    assert queues_reached(own, {**examples.WORK_COMPLETED, "source": source}) == set()


@pytest.mark.parametrize("kind", WAKES_REVIEW)
def test_what_happens_to_a_payment_wakes_whoever_reviews(own: Templates, stage: str, kind: str) -> None:
    """origin 15: nobody read from that queue."""
    assert kind in EVENT_TYPES
    event = {"source": SOURCE, "detail-type": kind, "detail": {}}
    assert queues_reached(own, event) == {f"vendorpay-{stage}-payment-approval"}
    (row,) = [row for row in FUNCTIONS for each in row.triggers if isinstance(each, FromQueue) and each.of_ours]
    assert row.name == "review-work"


def test_no_event_that_a_function_causes_wakes_it_again(own: Templates) -> None:
    """Else each would cause the next, for ever. A score it may cause, but once for each content of a payment."""
    for kind in set(EVENT_TYPES) - set(WAKES_REVIEW):
        assert queues_reached(own, {"source": SOURCE, "detail-type": str(kind), "detail": {}}) == set()
    assert not {"PaymentApproved", "PaymentEscalated", "FraudDetected"}.intersection(WAKES_REVIEW)


def test_every_rule_is_on_the_bus_that_the_functions_publish_to(own: Templates) -> None:
    bus = own.one("AWS::Events::EventBus")
    for rule in rules(own):
        assert rule["EventBusName"] == {"Ref": bus.logical_id}
    publishing = [
        each.properties["Environment"]["Variables"]["EVENT_BUS_NAME"]
        for each in own.resources("AWS::Lambda::Function")
        if "EVENT_BUS_NAME" in each.properties["Environment"]["Variables"]
    ]
    assert publishing
    assert all(f"Ref{bus.logical_id}" in plain(name) for name in publishing)


def test_what_a_rule_cannot_deliver_is_kept_and_tried_for_a_day(own: Templates) -> None:
    queues = {each.logical_id: each.properties["QueueName"] for each in own.resources("AWS::SQS::Queue")}
    for rule in rules(own):
        for target in rule["Targets"]:
            kept = plain(target["DeadLetterConfig"]["Arn"])[1:].split(".")[0]
            assert queues[kept].endswith("-undelivered")
            assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}


def test_the_bus_may_fill_each_queue_and_use_its_key(own: Templates) -> None:
    allowed = [
        (action, statement["Principal"])
        for each in own.resources("AWS::SQS::QueuePolicy")
        for statement in each.properties["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
        for action in listed(statement["Action"])
    ]
    assert ("sqs:SendMessage", {"Service": "events.amazonaws.com"}) in allowed
    (key,) = [each for each in own.resources("AWS::KMS::Key") if each.logical_id.startswith("MessagesKey")]
    granted = [
        set(listed(statement["Action"]))
        for statement in key.properties["KeyPolicy"]["Statement"]
        if statement["Principal"] == {"Service": "events.amazonaws.com"}
    ]
    assert {"kms:Decrypt", "kms:GenerateDataKey"} in granted


def test_every_function_that_is_fed_by_a_queue_gets_that_queue(own: Templates, stage: str) -> None:
    queues = {each.logical_id: each.properties["QueueName"] for each in own.resources("AWS::SQS::Queue")}
    fed = {
        queues[logical_id]
        for each in own.resources("AWS::Lambda::EventSourceMapping")
        for logical_id in queues
        if f"GetAtt{logical_id}Arn" in plain(each.properties["EventSourceArn"])
    }
    assert fed == {
        f"vendorpay-{stage}-{trigger.queue}"
        for row in FUNCTIONS
        for trigger in row.triggers
        if isinstance(trigger, FromQueue)
    }
