"""What CloudWatch is told, as one table: functions write these into their logs, and the alarms of infra/ read them.

How things stand comes from the database, once a minute, and stands for the whole stage: so it has one dimension, the
stage, and only the pump writes it. Where the database does not answer, `DatabaseUp` is 0 and the others are missing.
How long scores take, each function that scores tells of its own; under one dimension they are one distribution.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from vendorpay.metrics import Family, families

NAMESPACE: Final = "vendorpay"
STAGE_DIMENSION: Final = "Stage"


class Unit(StrEnum):
    """Units by CloudWatch's own names."""

    SECONDS = "Seconds"
    COUNT = "Count"


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric, by the name under which it is written and read."""

    name: str
    unit: Unit


@dataclass(frozen=True, kw_only=True)
class OfStanding(Metric):
    """One of how things stand: of the series of `family` (all, or those with `labels`) the sum, or the largest."""

    family: Family
    labels: tuple[str, ...] = ()
    adds_up: bool = False

    def of(self, values: dict[tuple[str, ...], float]) -> float | None:
        """Its value, from those of its family by labels; None when there are none."""
        wanted = [value for labels, value in values.items() if not self.labels or labels == self.labels]
        if not wanted:
            return None
        return sum(wanted) if self.adds_up else max(wanted)


DATABASE_UP: Final = OfStanding(name="DatabaseUp", unit=Unit.COUNT, family=families.DATABASE_UP)
OUTBOX_LAG: Final = OfStanding(
    name="OutboxLagSeconds", unit=Unit.SECONDS, family=families.SEQUENCER_LAG, labels=("feed",)
)
AUDIT_LAG: Final = OfStanding(
    name="AuditLagSeconds", unit=Unit.SECONDS, family=families.SEQUENCER_LAG, labels=("audit",)
)
DELIVERIES_PENDING: Final = OfStanding(
    name="DeliveriesPending", unit=Unit.COUNT, family=families.DELIVERIES_PENDING, adds_up=True
)
DELIVERIES_OVERDUE: Final = OfStanding(
    name="DeliveriesOverdueSeconds", unit=Unit.SECONDS, family=families.DELIVERIES_OVERDUE
)
BUS_OLDEST: Final = OfStanding(
    name="BusOldestPendingSeconds", unit=Unit.SECONDS, family=families.DELIVERIES_OLDEST, labels=("bus",)
)
"""While the bus is away, what waits for it is looked at every few seconds, and so never long overdue."""
DEAD_LETTERS: Final = OfStanding(name="DeadLetters", unit=Unit.COUNT, family=families.DELIVERIES_DEAD, adds_up=True)
APPROVALS_PENDING: Final = OfStanding(name="PendingApprovals", unit=Unit.COUNT, family=families.APPROVALS_PENDING)
APPROVALS_OLDEST: Final = OfStanding(
    name="OldestPendingApprovalSeconds", unit=Unit.SECONDS, family=families.APPROVALS_OLDEST
)
UNSCORED_OLDEST: Final = OfStanding(
    name="OldestUnscoredPaymentSeconds", unit=Unit.SECONDS, family=families.UNSCORED_OLDEST
)
CASES_OLDEST: Final = OfStanding(name="OldestFraudCaseSeconds", unit=Unit.SECONDS, family=families.FRAUD_CASES_OLDEST)
QUARANTINED: Final = OfStanding(name="QuarantinedEvents", unit=Unit.COUNT, family=families.QUARANTINE_OPEN)
PARTITIONS_AHEAD: Final = OfStanding(name="PartitionMonthsLeft", unit=Unit.COUNT, family=families.PARTITION_MONTHS)
CHECKPOINT_UNCOVERED: Final = OfStanding(
    name="CheckpointUncoveredSeconds", unit=Unit.SECONDS, family=families.CHECKPOINT_UNCOVERED
)

SCORE_SECONDS: Final = Metric(name="FraudScoreSeconds", unit=Unit.SECONDS)
"""How long the provider took for a score, its facts once read; one that broke off counts with what it took."""

STANDING: Final[tuple[OfStanding, ...]] = (
    *(DATABASE_UP, OUTBOX_LAG, AUDIT_LAG),
    *(DELIVERIES_PENDING, DELIVERIES_OVERDUE, BUS_OLDEST, DEAD_LETTERS),
    *(UNSCORED_OLDEST, CASES_OLDEST),
    *(APPROVALS_PENDING, APPROVALS_OLDEST, QUARANTINED, PARTITIONS_AHEAD, CHECKPOINT_UNCOVERED),
)
METRICS: Final[tuple[Metric, ...]] = (*STANDING, SCORE_SECONDS)
