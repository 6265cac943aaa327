"""Whatever goes wrong, somebody is told, and finds a page that says what to do."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from infra.stages import STAGES
from tests.infra.templates import Templates, listed, plain
from tests.style.rules.source import ROOT
from vendorpay.entrypoints.aws import metric_names as ours
from vendorpay.entrypoints.aws.functions import FUNCTIONS
from vendorpay.usecases.score_payment import PROVIDER_S_MAX

PAGE = ROOT / "docs" / "aws.md"
RUNBOOK = re.compile(r"What to do: docs/aws\.md#([a-z0-9-]+)\Z")
BOUNDS_S = {
    "OutboxLagSeconds": (60, 900),
    "AuditLagSeconds": (60, 900),
    "DeliveriesOverdueSeconds": (60, 3600),
    "OldestPendingApprovalSeconds": (3600, 7 * 86400),
    "CheckpointUncoveredSeconds": (3600, 86400),
    "BusOldestPendingSeconds": (60, 3600),
    "OldestUnscoredPaymentSeconds": (60, 900),
    "OldestFraudCaseSeconds": (3600, 7 * 86400),
    "FraudScoreSeconds": (0.1, PROVIDER_S_MAX),
}
"""What is sensible for what is counted in seconds: a threshold in minutes or hours would be far below."""


def alarms(own: Templates) -> dict[str, dict[str, Any]]:
    """The alarms of a stage, by their name without it."""
    found = [each.properties for each in own.resources("AWS::CloudWatch::Alarm")]
    return {"-".join(each["AlarmName"].split("-")[2:]): each for each in found}


def test_every_alarm_tells_somebody(own: Templates) -> None:
    """origin 88: alarms without an action, of which nobody was told."""
    topic = own.one("AWS::SNS::Topic", TopicName=f"vendorpay-{_stage(own)}-alarms").logical_id
    found = alarms(own)
    assert len(found) > 40
    for name, alarm in found.items():
        assert [plain(each) for each in alarm["AlarmActions"]] == [f"<{topic}>"], name
        assert alarm["OKActions"], name
        assert alarm.get("ActionsEnabled", True) is True, name


def test_the_topic_can_be_told_by_cloudwatch(own: Templates) -> None:
    """Of a topic with a key that CloudWatch may not use, nobody ever hears."""
    (key,) = [each for each in own.resources("AWS::KMS::Key") if each.logical_id.startswith("AlarmsKey")]
    granted = [
        set(listed(statement["Action"]))
        for statement in key.properties["KeyPolicy"]["Statement"]
        if statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    ]
    assert granted == [{"kms:Decrypt", "kms:GenerateDataKey"}]


@pytest.mark.parametrize("row", FUNCTIONS, ids=lambda row: row.name)
def test_every_function_is_watched_for_errors_and_for_being_turned_away(own: Templates, row: Any) -> None:
    found = alarms(own)
    for kind, metric in (("errors", "Errors"), ("throttles", "Throttles")):
        alarm = found[f"{kind}-{row.name}"]
        assert (alarm["MetricName"], alarm["Threshold"], alarm["Statistic"]) == (metric, 1, "Sum")
        assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": f"vendorpay-{_stage(own)}-{row.name}"}]


def test_every_queue_for_failures_is_watched_from_the_first_message_on(own: Templates) -> None:
    queues = [each.properties["QueueName"] for each in own.resources("AWS::SQS::Queue")]
    watched = {
        alarm["Dimensions"][0]["Value"]: alarm for name, alarm in alarms(own).items() if name.startswith("failed-")
    }
    assert watched.keys() == {name for name in queues if name.endswith(("-failures", "-undelivered"))}
    for alarm in watched.values():
        assert (alarm["Threshold"], alarm["EvaluationPeriods"]) == (1, 1)
        assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"


def test_every_queue_is_watched_for_a_hundred_messages(own: Templates) -> None:
    queues = {each.properties["QueueName"] for each in own.resources("AWS::SQS::Queue")}
    deep = {alarm["Dimensions"][0]["Value"]: alarm for name, alarm in alarms(own).items() if name.startswith("depth-")}
    assert deep.keys() == {name for name in queues if not name.endswith(("-failures", "-undelivered"))}
    assert {(alarm["Threshold"], alarm["EvaluationPeriods"]) for alarm in deep.values()} == {(100, 2)}


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("database-connections", "DatabaseConnections"),
        ("database-refuses", "DatabaseConnectionsSetupFailed"),
        ("database-logins", "ClientConnectionsSetupFailedAuth"),
        ("database-away", "DatabaseUp"),
        ("outbox-lag", "OutboxLagSeconds"),
        ("oldest-approval", "OldestPendingApprovalSeconds"),
        ("quarantine", "QuarantinedEvents"),
        ("dead-letters", "DeadLetters"),
        ("bus-late", "BusOldestPendingSeconds"),
        ("unscored", "OldestUnscoredPaymentSeconds"),
        ("slow-scores", "FraudScoreSeconds"),
        ("oldest-fraud-case", "OldestFraudCaseSeconds"),
        ("partitions", "PartitionMonthsLeft"),
        ("checkpoints", "CheckpointUncoveredSeconds"),
        ("api-5xx", "5XXError"),
        ("api-slow", "Latency"),
    ],
)
def test_what_must_be_watched_is(own: Templates, name: str, metric: str) -> None:
    assert alarms(own)[name]["MetricName"] == metric


def test_scores_are_slow_when_one_in_a_hundred_is(own: Templates) -> None:
    """The largest alone would ring for one that a machine's pause made slow; no scores at all are no slow ones."""
    alarm = alarms(own)["slow-scores"]
    assert (alarm["ExtendedStatistic"], alarm["EvaluationPeriods"]) == ("p99", 3)
    assert alarm["TreatMissingData"] == "notBreaching"


def test_silence_of_the_pump_is_an_alarm_too(own: Templates) -> None:
    """Who says how things stand says nothing when it is dead, and nothing is below every threshold."""
    alarm = alarms(own)["database-away"]
    assert alarm["TreatMissingData"] == "breaching"
    assert alarm["ComparisonOperator"] == "LessThanOrEqualToThreshold"
    assert (alarm["Threshold"], alarm["Statistic"]) == (0, "Minimum")


def test_our_own_metrics_are_those_that_the_functions_write_under_their_names(own: Templates) -> None:
    """origin 89: the dashboard showed what nobody wrote, under units that were not those it was written in."""
    known = {metric.name: metric for metric in ours.METRICS}
    read = [alarm for alarm in alarms(own).values() if alarm["Namespace"] == ours.NAMESPACE]
    assert len(read) >= 8
    for alarm in read:
        assert alarm["Dimensions"] == [{"Name": ours.STAGE_DIMENSION, "Value": _stage(own)}]
        metric = known[alarm["MetricName"]]
        assert (metric.unit is ours.Unit.SECONDS) == (metric.name in BOUNDS_S)
        if metric.unit is ours.Unit.SECONDS:
            lowest, highest = BOUNDS_S[metric.name]
            assert lowest <= alarm["Threshold"] <= highest


def test_the_dashboard_shows_every_metric_of_ours_in_its_unit(own: Templates) -> None:
    """origin 89."""
    body = json.loads(plain(own.one("AWS::CloudWatch::Dashboard").properties["DashboardBody"]))
    shown = {}
    for widget in body["widgets"]:
        for line in widget["properties"].get("metrics", []):
            if line[0] == ours.NAMESPACE:
                assert line[2:4] == [ours.STAGE_DIMENSION, _stage(own)]
                shown[line[1]] = widget["properties"]["yAxis"]["left"]["label"]
    assert shown == {metric.name: metric.unit.value for metric in ours.METRICS}


def test_the_dashboard_shows_every_alarm(own: Templates) -> None:
    board = plain(own.one("AWS::CloudWatch::Dashboard").properties["DashboardBody"])
    for each in own.resources("AWS::CloudWatch::Alarm"):
        assert f"<{each.logical_id}.Arn>" in board


def test_every_alarm_has_a_runbook_and_every_runbook_an_alarm(templates: Templates) -> None:
    named = set()
    for stage in STAGES:
        for name, alarm in alarms(templates.of(stage.name)).items():
            found = RUNBOOK.match(alarm["AlarmDescription"])
            assert found, name
            named.add(found[1])
    _, _, runbooks = PAGE.read_text("utf-8").partition("\n## Runbooks\n")
    headings = re.findall(r"^### (\S+)$", runbooks.partition("\n## ")[0], re.MULTILINE)
    assert headings == sorted(set(headings), key=headings.index)
    assert set(headings) == named


def _stage(own: Templates) -> str:
    return next(iter(own.by_stack)).split("-")[0]
