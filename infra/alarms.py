"""Every alarm, as data: what is watched, from when on somebody is told, and which runbook says what to do.

`runbook` is a heading of docs/aws.md. Thresholds have their metric's unit, and of our own metrics that is the one in
the table that the pump writes them by (origin 89: minutes that were sent as seconds).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from infra.data import rotation_name
from infra.functions import WITH_THE_NEW_CODE
from infra.gateway import ROUTES_STAGE
from infra.messaging import Messaging
from infra.stages import Stage
from vendorpay.entrypoints.aws import metric_names as ours
from vendorpay.entrypoints.aws.functions import FUNCTIONS, DatabaseRole, FromQueue, Function

_Missing = cloudwatch.TreatMissingData
_Compare = cloudwatch.ComparisonOperator
_HOUR_S: Final = 3600
HOT_P99_MS_MAX: Final = 1_000
API_P99_MS_MAX: Final = 3_000
DEPTH_MAX: Final = 100
OUTBOX_LAG_S_MAX: Final = 300
OVERDUE_S_MAX: Final = 900
UNSCORED_S_MAX: Final = 120
"""A score takes seconds, the pump up to a minute to begin anew; until then a payment waits, and so do its approvers."""
SCORE_P99_S_MAX: Final = 1.0
"""Half of what a provider may take (score_payment.PROVIDER_S_MAX): what takes longer than that is flagged for want of a
score, and people have to look at it."""
UNCOVERED_S_MAX: Final = 3 * _HOUR_S
PARTITION_MONTHS_MIN: Final = 6
WORK_WAITS_S_MAX: Final = 600
CAPACITY_PERCENT_MAX: Final = 90
REPLICA_LAG_MS_MAX: Final = 1_000


@dataclass(frozen=True, kw_only=True)
class Watched:
    """One alarm: `name` without the stage, `at` the threshold, in how many periods of `every_s` it must be met."""

    name: str
    runbook: str
    namespace: str
    metric: str
    dimensions: dict[str, str]
    statistic: str
    at: float
    below: bool = False
    every_s: int = 300
    periods: int = 1
    silence_is_bad: bool = False

    def metric_of(self) -> cloudwatch.Metric:
        """What CloudWatch knows it as."""
        return cloudwatch.Metric(
            namespace=self.namespace,
            metric_name=self.metric,
            dimensions_map=self.dimensions,
            statistic=self.statistic,
            period=Duration.seconds(self.every_s),
        )

    @property
    def compares(self) -> cloudwatch.ComparisonOperator:
        """At the threshold is already too much, or too little."""
        return _Compare.LESS_THAN_OR_EQUAL_TO_THRESHOLD if self.below else _Compare.GREATER_THAN_OR_EQUAL_TO_THRESHOLD

    @property
    def missing(self) -> cloudwatch.TreatMissingData:
        """What to think of no data at all."""
        return _Missing.BREACHING if self.silence_is_bad else _Missing.NOT_BREACHING


def watched(stage: Stage, messaging: Messaging) -> list[Watched]:
    """All alarms of a stage."""
    return [
        *_of_queues(stage, messaging),
        *(alarm for row in FUNCTIONS for alarm in _of_function(stage, row)),
        *_of_rotation(stage),
        *_of_api(stage),
        *_of_database(stage),
        *_of_how_things_stand(stage),
    ]


def _of_queues(stage: Stage, messaging: Messaging) -> list[Watched]:
    def one(name: str, queue: str, runbook: str, metric: str, at: float, periods: int = 1) -> Watched:
        return Watched(
            name=name,
            runbook=runbook,
            namespace="AWS/SQS",
            metric=metric,
            dimensions={"QueueName": stage.named(queue)},
            statistic="Maximum",
            at=at,
            periods=periods,
        )

    visible, age = "ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"
    failed = [one(f"failed-{name}", name, "failed", visible, 1) for name in messaging.failures]
    deep = [one(f"depth-{name}", name, "depth", visible, DEPTH_MAX, periods=2) for name in messaging.lines]
    fed = {trigger.queue for row in FUNCTIONS for trigger in row.triggers if isinstance(trigger, FromQueue)}
    return failed + deep + [one(f"waiting-{name}", name, "waiting", age, WORK_WAITS_S_MAX) for name in sorted(fed)]


def _of_function(stage: Stage, row: Function) -> list[Watched]:
    def one(runbook: str, metric: str, at: float, statistic: str = "Sum", periods: int = 1) -> Watched:
        return Watched(
            name=f"{runbook}-{row.name}",
            runbook=runbook,
            namespace="AWS/Lambda",
            metric=metric,
            dimensions={"FunctionName": stage.named(row.name)},
            statistic=statistic,
            at=at,
            periods=periods,
        )

    found = [one("errors", "Errors", 1), one("throttles", "Throttles", 1)]
    if row.hot and row.operations:
        found.append(one("slow", "Duration", HOT_P99_MS_MAX, "p99", periods=3))
    return found


def _of_rotation(stage: Stage) -> list[Watched]:
    return [
        Watched(
            name=f"rotation-{role.removeprefix('vendorpay_')}",
            runbook="rotation",
            namespace="AWS/Lambda",
            metric="Errors",
            dimensions={"FunctionName": rotation_name(stage, role)},
            statistic="Sum",
            at=1,
        )
        for role in DatabaseRole
    ]


def _of_api(stage: Stage) -> list[Watched]:
    api = {"ApiName": stage.named("api"), "Stage": ROUTES_STAGE}

    def one(name: str, metric: str, statistic: str, at: float, periods: int) -> Watched:
        return Watched(
            name=name,
            runbook=name,
            namespace="AWS/ApiGateway",
            metric=metric,
            dimensions=api,
            statistic=statistic,
            at=at,
            periods=periods,
        )

    return [one("api-5xx", "5XXError", "Sum", 1, 1), one("api-slow", "Latency", "p99", API_P99_MS_MAX, 3)]


def _of_database(stage: Stage) -> list[Watched]:
    cluster = {"DBClusterIdentifier": stage.named("cluster")}
    proxy = {"ProxyName": stage.named("proxy")}

    def one(name: str, metric: str, dimensions: dict[str, str], statistic: str, at: float, periods: int) -> Watched:
        return Watched(
            name=name,
            runbook=name,
            namespace="AWS/RDS",
            metric=metric,
            dimensions=dimensions,
            statistic=statistic,
            at=at,
            periods=periods,
        )

    return [
        one("database-connections", "DatabaseConnections", cluster, "Maximum", stage.connections_alarm, 2),
        one("database-refuses", "DatabaseConnectionsSetupFailed", proxy, "Sum", 1, 1),
        one("database-logins", "ClientConnectionsSetupFailedAuth", proxy, "Sum", 5, 1),
        one("database-capacity", "ACUUtilization", cluster, "Average", CAPACITY_PERCENT_MAX, 3),
        one("database-replica", "AuroraReplicaLagMaximum", cluster, "Maximum", REPLICA_LAG_MS_MAX, 3),
    ]


def _of_how_things_stand(stage: Stage) -> list[Watched]:
    def one(
        name: str,
        metric: ours.Metric,
        at: float,
        *,
        below: bool = False,
        periods: int = 1,
        silence: bool = False,
        statistic: str | None = None,
    ) -> Watched:
        return Watched(
            name=name,
            runbook=name,
            namespace=ours.NAMESPACE,
            metric=metric.name,
            dimensions={ours.STAGE_DIMENSION: stage.name},
            statistic=statistic or ("Minimum" if below else "Maximum"),
            at=at,
            below=below,
            periods=periods,
            silence_is_bad=silence,
        )

    return [
        # The pump says so once a minute: nothing said for ten minutes is the pump's own death.
        one("database-away", ours.DATABASE_UP, 0, below=True, periods=2, silence=True),
        one("outbox-lag", ours.OUTBOX_LAG, OUTBOX_LAG_S_MAX),
        one("audit-lag", ours.AUDIT_LAG, OUTBOX_LAG_S_MAX),
        one("deliveries-late", ours.DELIVERIES_OVERDUE, OVERDUE_S_MAX),
        one("bus-late", ours.BUS_OLDEST, OVERDUE_S_MAX),
        one("dead-letters", ours.DEAD_LETTERS, 1),
        one("unscored", ours.UNSCORED_OLDEST, UNSCORED_S_MAX),
        one("slow-scores", ours.SCORE_SECONDS, SCORE_P99_S_MAX, periods=3, statistic="p99"),
        one("oldest-fraud-case", ours.CASES_OLDEST, stage.waits_alarm_h * _HOUR_S),
        one("oldest-approval", ours.APPROVALS_OLDEST, stage.waits_alarm_h * _HOUR_S),
        one("quarantine", ours.QUARANTINED, 1),
        one("partitions", ours.PARTITIONS_AHEAD, PARTITION_MONTHS_MIN, below=True),
        one("checkpoints", ours.CHECKPOINT_UNCOVERED, UNCOVERED_S_MAX),
    ]


def hot_functions() -> list[Function]:
    """Functions that somebody waits for."""
    return [row for row in WITH_THE_NEW_CODE if row.hot]
