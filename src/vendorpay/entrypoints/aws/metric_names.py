"""What CloudWatch is told of how things stand, as one table: the pump writes these, and the alarms of infra/ read them.

They come from the database, once a minute, and stand for the whole stage: so they have one dimension, the stage, and
only one function writes them. Where the database does not answer, `DatabaseUp` is 0 and the others are missing.
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
    """One metric: of the series of `family` (all of them, or those with `labels`) the sum, or the largest."""

    name: str
    unit: Unit
    family: Family
    labels: tuple[str, ...] = ()
    adds_up: bool = False

    def of(self, values: dict[tuple[str, ...], float]) -> float | None:
        """Its value, from those of its family by labels; None when there are none."""
        wanted = [value for labels, value in values.items() if not self.labels or labels == self.labels]
        if not wanted:
            return None
        return sum(wanted) if self.adds_up else max(wanted)


DATABASE_UP: Final = Metric(name="DatabaseUp", unit=Unit.COUNT, family=families.DATABASE_UP)
OUTBOX_LAG: Final = Metric(name="OutboxLagSeconds", unit=Unit.SECONDS, family=families.SEQUENCER_LAG, labels=("feed",))
AUDIT_LAG: Final = Metric(name="AuditLagSeconds", unit=Unit.SECONDS, family=families.SEQUENCER_LAG, labels=("audit",))
DELIVERIES_PENDING: Final = Metric(
    name="DeliveriesPending", unit=Unit.COUNT, family=families.DELIVERIES_PENDING, adds_up=True
)
DELIVERIES_OVERDUE: Final = Metric(
    name="DeliveriesOverdueSeconds", unit=Unit.SECONDS, family=families.DELIVERIES_OVERDUE
)
BUS_OLDEST: Final = Metric(
    name="BusOldestPendingSeconds", unit=Unit.SECONDS, family=families.DELIVERIES_OLDEST, labels=("bus",)
)
"""While the bus is away, what waits for it is looked at every few seconds, and so never long overdue."""
DEAD_LETTERS: Final = Metric(name="DeadLetters", unit=Unit.COUNT, family=families.DELIVERIES_DEAD, adds_up=True)
APPROVALS_PENDING: Final = Metric(name="PendingApprovals", unit=Unit.COUNT, family=families.APPROVALS_PENDING)
APPROVALS_OLDEST: Final = Metric(
    name="OldestPendingApprovalSeconds", unit=Unit.SECONDS, family=families.APPROVALS_OLDEST
)
UNSCORED_OLDEST: Final = Metric(name="OldestUnscoredPaymentSeconds", unit=Unit.SECONDS, family=families.UNSCORED_OLDEST)
CASES_OLDEST: Final = Metric(name="OldestFraudCaseSeconds", unit=Unit.SECONDS, family=families.FRAUD_CASES_OLDEST)
QUARANTINED: Final = Metric(name="QuarantinedEvents", unit=Unit.COUNT, family=families.QUARANTINE_OPEN)
PARTITIONS_AHEAD: Final = Metric(name="PartitionMonthsLeft", unit=Unit.COUNT, family=families.PARTITION_MONTHS)
CHECKPOINT_UNCOVERED: Final = Metric(
    name="CheckpointUncoveredSeconds", unit=Unit.SECONDS, family=families.CHECKPOINT_UNCOVERED
)

METRICS: Final[tuple[Metric, ...]] = (
    *(DATABASE_UP, OUTBOX_LAG, AUDIT_LAG),
    *(DELIVERIES_PENDING, DELIVERIES_OVERDUE, BUS_OLDEST, DEAD_LETTERS),
    *(UNSCORED_OLDEST, CASES_OLDEST),
    *(APPROVALS_PENDING, APPROVALS_OLDEST, QUARANTINED, PARTITIONS_AHEAD, CHECKPOINT_UNCOVERED),
)
