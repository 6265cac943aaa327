"""The stages: what differs between them, and nothing else does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from vendorpay.domain.fraud_thresholds import parsed as thresholds
from vendorpay.domain.rate_limits import RateClass, parsed
from vendorpay.domain.setting_values import FRAUD_PROVIDERS, detector
from vendorpay.entrypoints.aws.functions import Function

SERVICE: Final = "vendorpay"
ROTATION_DAYS: Final = range(30, 91)
DAYS_OF_A_YEAR: Final = 365.25


@dataclass(frozen=True, kw_only=True)
class Throttle:
    """How many requests of one operation the gateway lets through, from all callers together."""

    rate_per_s: int
    burst: int


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One deployment of the whole service; two of them can stand in one account and region.

    Raises ValueError, when it is made, for what could not be deployed or would break a promise.
    """

    name: str
    cidr: str
    nat_gateways: int
    capacity_min: float
    """Of Aurora, in capacity units; so is `capacity_max`."""
    capacity_max: float
    connections_alarm: int
    """Connections to the writer from which on somebody is told: about three quarters of what `capacity_max` allows."""
    database_auth: str = "secret"
    """Of functions at the proxy: secret, a password that is rotated; iam, a token of 15 minutes."""
    rotation_days: int = 30
    backup_days: int = 35
    archive_years: int = 7
    archive_compliance: bool
    """Whether nobody at all may delete a checkpoint before its time (compliance), or a person with a right of their
    own may (governance)."""
    event_days: int = 90
    """How long events can be sent through the bus once more."""
    log_days: int = 90
    waits_alarm_h: int = 24
    reserved_share: float = 1.0
    """Of the concurrency that FUNCTIONS reserves; a stage without customers needs less of the account's."""
    keeps: bool
    """Whether logs and people outlive the stacks; payments, secrets and checkpoints do in every stage."""
    firewall: bool
    threat_protection: bool
    """Of the user pool: needs Cognito's Plus plan."""
    org: str = "default"
    fraud_provider: str = "embedded"
    """Who scores payments: embedded, our own engine; frauddetector, Amazon's; off, nobody."""
    fraud_detector: str | None = None
    """Amazon's detector and its event type (`vendor-payments/payment`), with fraud_provider frauddetector alone."""
    fraud_thresholds: str | None = None
    """From which scores on our own rule set calls a payment of medium risk, of high risk and flagged (0.3,0.5,0.7)."""
    shared_bus: str | None = None
    """The name of a bus that belongs to somebody else; None: the stage has one of its own."""
    alarm_mail: str | None = None
    throttles: Mapping[RateClass, Throttle]
    caller_limits: str = "read=100/s:200,write=50/s:100,sensitive=10/s:50,bulk=4/s:16"
    """Of one caller (VENDORPAY_RATE_LIMITS). Each execution environment counts for itself."""

    def __post_init__(self) -> None:
        faults = []
        if self.rotation_days not in ROTATION_DAYS:
            faults.append(f"rotation_days must be from {ROTATION_DAYS[0]} to {ROTATION_DAYS[-1]}")
        if self.throttles.keys() != set(RateClass):
            faults.append("throttles must name every rate class")
        if self.database_auth not in {"secret", "iam"}:
            faults.append("database_auth must be secret or iam")
        faults += self._faults_of_fraud()
        if not (self.name.isalnum() and self.name.islower() and len(self.name) <= 10):
            faults.append("name must be at most 10 small letters or digits: it is a part of every other name")
        try:
            parsed(self.caller_limits)
        except ValueError as error:
            faults.append(f"caller_limits {error}")
        if faults:
            raise ValueError(f"stage {self.name!r}: {'; '.join(faults)}")

    def _faults_of_fraud(self) -> list[str]:
        if self.fraud_provider not in FRAUD_PROVIDERS:
            return [f"fraud_provider must be one of {', '.join(FRAUD_PROVIDERS)}"]
        if (self.fraud_provider == "frauddetector") != (self.fraud_detector is not None):
            return ["fraud_detector goes with the fraud_provider frauddetector, and that one with it"]
        try:
            detector(self.fraud_detector or "unused/unused")
        except ValueError as error:
            return [f"fraud_detector {error}"]
        try:
            thresholds(self.fraud_thresholds or "0.3,0.5,0.7")
        except ValueError as error:
            return [f"fraud_thresholds {error}"]
        return []

    def named(self, what: str) -> str:
        """The name of a thing of this stage, which no other stage's has."""
        return f"{SERVICE}-{self.name}-{what}"

    def reserved(self, row: Function) -> int | None:
        """How many of a function may run at once: as many as it needs at least, or as the account has it (None)."""
        if row.reserved is None:
            return None
        return max(row.at_once_min, round(row.reserved * self.reserved_share))

    @property
    def archive_days(self) -> int:
        """For how long a checkpoint cannot be deleted."""
        return round(self.archive_years * DAYS_OF_A_YEAR)


DEV: Final = Stage(
    name="dev",
    cidr="10.20.0.0/20",
    nat_gateways=1,
    capacity_min=0.5,
    capacity_max=4,
    connections_alarm=600,
    archive_compliance=False,
    event_days=30,
    log_days=30,
    reserved_share=0.2,
    keeps=False,
    firewall=False,
    threat_protection=False,
    throttles={
        RateClass.PUBLIC: Throttle(rate_per_s=10, burst=20),
        RateClass.READ: Throttle(rate_per_s=50, burst=100),
        RateClass.WRITE: Throttle(rate_per_s=50, burst=100),
        RateClass.SENSITIVE: Throttle(rate_per_s=20, burst=40),
        RateClass.BULK: Throttle(rate_per_s=2, burst=4),
    },
)

PROD: Final = Stage(
    name="prod",
    cidr="10.24.0.0/20",
    nat_gateways=2,
    capacity_min=1,
    capacity_max=16,
    connections_alarm=2600,
    archive_compliance=True,
    log_days=400,
    keeps=True,
    firewall=True,
    threat_protection=True,
    throttles={
        RateClass.PUBLIC: Throttle(rate_per_s=50, burst=100),
        RateClass.READ: Throttle(rate_per_s=1000, burst=2000),
        RateClass.WRITE: Throttle(rate_per_s=500, burst=1000),
        RateClass.SENSITIVE: Throttle(rate_per_s=200, burst=400),
        RateClass.BULK: Throttle(rate_per_s=10, burst=20),
    },
)

STAGES: Final = (DEV, PROD)
