"""Every metric there is: what docs/operations.md explains, and all that a scrape can show.

Labels have few values, all of them ours: never an organisation, a person or an id.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_DELIVERY_SECONDS: Final = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0)
_COMMANDS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)


class Family(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """One metric. Over the processes of a `serve` its numbers are added up, or the largest counts."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    told: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    largest_counts: bool = False

    @property
    def width(self) -> int:
        """How many numbers a series has: one, or one for each bucket, one for what is beyond them, and the sum."""
        return len(self.buckets) + 2 if self.kind == "histogram" else 1


def _counter(name: str, told: str, *labels: str) -> Family:
    return Family(name=f"vendorpay_{name}", kind="counter", told=told, labels=labels)


def _gauge(name: str, told: str, *labels: str, largest_counts: bool = False) -> Family:
    return Family(name=f"vendorpay_{name}", kind="gauge", told=told, labels=labels, largest_counts=largest_counts)


def _histogram(name: str, told: str, *labels: str, buckets: tuple[float, ...]) -> Family:
    return Family(name=f"vendorpay_{name}", kind="histogram", told=told, labels=labels, buckets=buckets)


REQUESTS: Final = _counter("requests_total", "Requests that were answered.", "operation", "status")
REQUEST_SECONDS: Final = _histogram(
    "request_duration_seconds", "From a request's head to its answer.", "operation", buckets=_SECONDS
)
REQUESTS_IN_FLIGHT: Final = _gauge("requests_in_flight", "Requests that wait for their answer.")

RATE_LIMITED: Final = _counter(
    "rate_limited_total", "Requests refused because their caller had used up its limit, by class.", "rate_class"
)

BATCH_COMMANDS: Final = _histogram("batch_commands", "Commands that were committed together.", buckets=_COMMANDS)
BATCH_SECONDS: Final = _histogram(
    "batch_duration_seconds", "From a batch's first lock to the answer to its COMMIT.", buckets=_SECONDS
)
QUEUE_COMMANDS: Final = _gauge("queue_commands", "Commands that wait for their batch.")
STRAGGLERS: Final = _counter("stragglers_total", "Commands that left their batch to wait for a lock alone.")
STRAGGLERS_WAITING: Final = _gauge("stragglers_waiting", "Commands that wait for a lock alone.")

POOL_CONNECTIONS_MAX: Final = _gauge("pool_connections_max", "Connections to the database that may be open.")
POOL_CONNECTIONS_IN_USE: Final = _gauge("pool_connections_in_use", "Connections to the database that are in use.")
POOL_WAITING: Final = _gauge("pool_waiting", "Who waits for a connection to the database.")

SEQUENCER_PASSES: Final = _counter("sequencer_passes_total", "Passes of the sequencer, by stream.", "stream")
SEQUENCER_NUMBERED: Final = _counter("sequencer_numbered_total", "Positions that were given, by stream.", "stream")
DELIVERY_ATTEMPTS: Final = _counter(
    "delivery_attempts_total", "Events sent, by whom to and what came of it.", "kind", "outcome"
)
DELIVERY_SECONDS: Final = _histogram(
    "delivery_duration_seconds", "How long sending an event took.", "kind", buckets=_DELIVERY_SECONDS
)

FRAUD_SCORES: Final = _counter(
    "fraud_scores_total",
    "Fraud scores, by provider and status; `error` where there was none to be had.",
    "provider",
    "status",
)
FRAUD_SCORE_SECONDS: Final = _histogram(
    "fraud_score_duration_seconds",
    "How long a provider took for a score, its facts once read.",
    "provider",
    buckets=_SECONDS,
)

TIMER_RUNS: Final = _counter("timer_runs_total", "Runs of each timer, by outcome.", "timer", "outcome")
TIMER_LAST_SUCCESS: Final = _gauge(
    "timer_last_success_timestamp_seconds",
    "When each timer last did its work; before it ever did, when the process began.",
    "timer",
    largest_counts=True,
)
TIMER_PERIOD: Final = _gauge(
    "timer_period_seconds", "Time between the runs of each timer.", "timer", largest_counts=True
)
UPKEEP_DELETED: Final = _counter("upkeep_deleted_total", "Rows that upkeep deleted, by kind.", "what")
UPKEEP_PARTITIONS: Final = _counter("upkeep_partitions_total", "Times that partitions were made ahead.")
UPKEEP_FAILURES: Final = _counter("upkeep_failures_total", "Parts of upkeep that failed.", "task")
UPKEEP_LAST_SUCCESS: Final = _gauge(
    "upkeep_last_success_timestamp_seconds",
    "When each part of upkeep last ended well; before it ever did, when it was first begun.",
    "task",
    largest_counts=True,
)

PROCESS_STARTS: Final = _counter("process_starts_total", "Starts of each process, the first included.", "process")
PROCESS_START_TIME: Final = _gauge(
    "process_start_timestamp_seconds", "When each process started.", "process", largest_counts=True
)
PROCESS_RESIDENT: Final = _gauge("process_resident_bytes", "Memory that each process has; Linux only.", "process")
PROCESS_CPU: Final = _counter("process_cpu_seconds_total", "Time on processors of each process; Linux only.", "process")

COUNTED: Final[tuple[Family, ...]] = (
    *(REQUESTS, REQUEST_SECONDS, REQUESTS_IN_FLIGHT, RATE_LIMITED),
    *(BATCH_COMMANDS, BATCH_SECONDS, QUEUE_COMMANDS, STRAGGLERS, STRAGGLERS_WAITING),
    *(POOL_CONNECTIONS_MAX, POOL_CONNECTIONS_IN_USE, POOL_WAITING),
    *(SEQUENCER_PASSES, SEQUENCER_NUMBERED, DELIVERY_ATTEMPTS, DELIVERY_SECONDS),
    *(FRAUD_SCORES, FRAUD_SCORE_SECONDS),
    *(TIMER_RUNS, TIMER_LAST_SUCCESS, TIMER_PERIOD),
    *(UPKEEP_DELETED, UPKEEP_PARTITIONS, UPKEEP_FAILURES, UPKEEP_LAST_SUCCESS),
    *(PROCESS_STARTS, PROCESS_START_TIME),
)
"""What processes count themselves, in their shared memory."""

READ: Final[tuple[Family, ...]] = (PROCESS_RESIDENT, PROCESS_CPU)
"""What the system is asked for at a scrape."""

DATABASE_UP: Final = _gauge("database_up", "1 when the database answered, else 0 and nothing of what it would tell.")
SEQUENCER_POSITION: Final = _gauge(
    "sequencer_position", "Positions given in all; those of the feed are added up over organisations.", "stream"
)
SEQUENCER_LAG: Final = _gauge(
    "sequencer_lag_seconds", "Age of the first committed row without a position; 0 when all have one.", "stream"
)
DELIVERIES_PENDING: Final = _gauge(
    "deliveries_pending", "Events that are still to be delivered; counted up to 5001.", "kind"
)
DELIVERIES_OLDEST: Final = _gauge(
    "deliveries_oldest_pending_seconds", "Age of the oldest event that is still to be delivered.", "kind"
)
DELIVERIES_OVERDUE: Final = _gauge("deliveries_overdue_seconds", "For how long the next delivery has been due.", "kind")
DELIVERIES_DEAD: Final = _gauge("deliveries_dead", "Dead letters; counted up to 1001.", "kind")
APPROVALS_PENDING: Final = _gauge("approvals_pending", "Payments that wait for approval; counted up to 5001.")
APPROVALS_OLDEST: Final = _gauge("approvals_oldest_pending_seconds", "Age of the payment that waits for longest.")
QUARANTINE_OPEN: Final = _gauge("quarantine_open", "Rejected events that nobody has resolved; counted up to 5001.")
PARTITION_MONTHS: Final = _gauge("partition_months_left", "Whole months to come that have their partitions.")
CHECKPOINT_UNCOVERED: Final = _gauge(
    "checkpoint_uncovered_seconds",
    "Age of the oldest entry of the audit log that no checkpoint covers; 0 as long as there is no checkpoint.",
)
KEYS_EXPIRED: Final = _gauge("keys_expired", "Answers kept for longer than 30 days; counted up to 1001.")

UNSCORED: Final = _gauge("unscored_payments", "Payments that wait for their fraud score; counted up to 5001.")
UNSCORED_OLDEST: Final = _gauge("unscored_oldest_seconds", "Age of the payment that waits longest for its fraud score.")
FRAUD_CASES_OPEN: Final = _gauge("fraud_cases_open", "Fraud cases that nobody has decided; counted up to 5001.")
FRAUD_CASES_OLDEST: Final = _gauge("fraud_cases_oldest_open_seconds", "Age of the fraud case that is open for longest.")

STANDING: Final[tuple[Family, ...]] = (
    *(DATABASE_UP, SEQUENCER_POSITION, SEQUENCER_LAG),
    *(DELIVERIES_PENDING, DELIVERIES_OLDEST, DELIVERIES_OVERDUE, DELIVERIES_DEAD),
    *(APPROVALS_PENDING, APPROVALS_OLDEST, QUARANTINE_OPEN, PARTITION_MONTHS, KEYS_EXPIRED, CHECKPOINT_UNCOVERED),
    *(UNSCORED, UNSCORED_OLDEST, FRAUD_CASES_OPEN, FRAUD_CASES_OLDEST),
)
"""What the database is asked for at a scrape."""

FAMILIES: Final[tuple[Family, ...]] = (*COUNTED, *READ, *STANDING)
