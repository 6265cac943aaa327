"""Whom the alarms tell, and the page that shows how things are."""

from __future__ import annotations

from typing import Final

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.alarms import Watched, hot_functions, watched
from infra.function import Surroundings
from infra.gateway import ROUTES_STAGE
from infra.keys import key
from infra.stages import Stage
from vendorpay.entrypoints.aws import metric_names as ours

RUNBOOKS: Final = "docs/aws.md"
_WIDTH: Final = 12
_HEIGHT: Final = 6


class Watching(Stack):
    """An alarm for each row of `alarms`, each telling the topic when it rings and when it is over (origin 88)."""

    def __init__(self, scope: Construct, around: Surroundings) -> None:
        stage = around.stage
        name = stage.named("watching")
        super().__init__(scope, name, description=f"{name}: alarms, their topic, dashboard")
        self.topic = sns.Topic(
            self,
            "Alarms",
            topic_name=stage.named("alarms"),
            master_key=key(self, stage, "alarms", services=["cloudwatch.amazonaws.com"]),
            enforce_ssl=True,
        )
        if stage.alarm_mail is not None:
            self.topic.add_subscription(subscriptions.EmailSubscription(stage.alarm_mail))
        rows = watched(stage, around.messaging)
        alarms = {row.name: self._alarm(stage, row) for row in rows}
        self._dashboard(stage, rows, alarms)
        CfnOutput(self, "AlarmTopicArn", value=self.topic.topic_arn)

    def _alarm(self, stage: Stage, row: Watched) -> cloudwatch.Alarm:
        alarm = cloudwatch.Alarm(
            self,
            row.name,
            alarm_name=stage.named(row.name),
            alarm_description=f"What to do: {RUNBOOKS}#{row.runbook}",
            metric=row.metric_of(),
            threshold=row.at,
            evaluation_periods=row.periods,
            comparison_operator=row.compares,
            treat_missing_data=row.missing,
        )
        told = actions.SnsAction(self.topic)
        alarm.add_alarm_action(told)
        alarm.add_ok_action(told)
        return alarm

    def _dashboard(self, stage: Stage, rows: list[Watched], alarms: dict[str, cloudwatch.Alarm]) -> None:
        board = cloudwatch.Dashboard(
            self, "Board", dashboard_name=stage.named("board"), default_interval=Duration.hours(6)
        )
        board.add_widgets(
            cloudwatch.AlarmStatusWidget(alarms=list(alarms.values()), title="Alarms", width=2 * _WIDTH, height=_HEIGHT)
        )
        queues = [row for row in rows if row.runbook in {"failed", "depth"}]
        database = [row for row in rows if row.name.startswith("database-") and row.namespace == "AWS/RDS"]
        board.add_widgets(_graph("Requests", _requests(stage)), _graph("Latency, ms", _latencies(stage)))
        board.add_widgets(_graph("Functions, p99 ms", _durations(stage)), _graph("Function errors", _errors(stage)))
        board.add_widgets(_graph("Messages", _metrics(queues)), _graph("Database", _metrics(database)))
        for unit in ours.Unit:
            board.add_widgets(
                *(_graph(metric.name, [_of(stage, metric)], unit) for metric in ours.METRICS if metric.unit is unit)
            )


def _graph(title: str, metrics: list[cloudwatch.IMetric], unit: str = "") -> cloudwatch.GraphWidget:
    axis = cloudwatch.YAxisProps(min=0, label=unit or None, show_units=False)
    return cloudwatch.GraphWidget(title=title, left=metrics, left_y_axis=axis, width=_WIDTH, height=_HEIGHT)


def _metrics(rows: list[Watched]) -> list[cloudwatch.IMetric]:
    return [row.metric_of() for row in rows]


def _requests(stage: Stage) -> list[cloudwatch.IMetric]:
    return [_of_api(stage, name, "Sum") for name in ("Count", "4XXError", "5XXError")]


def _latencies(stage: Stage) -> list[cloudwatch.IMetric]:
    return [_of_api(stage, "Latency", statistic) for statistic in ("p50", "p99")]


def _of_api(stage: Stage, name: str, statistic: str) -> cloudwatch.IMetric:
    return cloudwatch.Metric(
        namespace="AWS/ApiGateway",
        metric_name=name,
        dimensions_map={"ApiName": stage.named("api"), "Stage": ROUTES_STAGE},
        statistic=statistic,
        label=f"{name} {statistic}",
    )


def _durations(stage: Stage) -> list[cloudwatch.IMetric]:
    return [_of_function(stage, row.name, "Duration", "p99") for row in hot_functions()]


def _errors(stage: Stage) -> list[cloudwatch.IMetric]:
    return [_of_function(stage, row.name, "Errors", "Sum") for row in hot_functions()]


def _of_function(stage: Stage, function: str, name: str, statistic: str) -> cloudwatch.IMetric:
    return cloudwatch.Metric(
        namespace="AWS/Lambda",
        metric_name=name,
        dimensions_map={"FunctionName": stage.named(function)},
        statistic=statistic,
        label=function,
    )


def _of(stage: Stage, metric: ours.Metric) -> cloudwatch.IMetric:
    return cloudwatch.Metric(
        namespace=ours.NAMESPACE,
        metric_name=metric.name,
        dimensions_map={ours.STAGE_DIMENSION: stage.name},
        statistic="Maximum" if isinstance(metric, ours.OfStanding) else "p99",
        unit=cloudwatch.Unit[metric.unit.name],
    )
