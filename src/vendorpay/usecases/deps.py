"""What use cases are given: the database, where to hand in commands, and time, ids and chance as values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID

from vendorpay.domain.fraud_thresholds import Cuts
from vendorpay.ports import CheckpointDestination, FraudProvider
from vendorpay.store.db import Database
from vendorpay.usecases.command import Commands
from vendorpay.usecases.payment_reads import PaymentReads

if TYPE_CHECKING:
    from vendorpay.usecases.fraud_gaps import FraudGaps
    from vendorpay.usecases.fraud_reads import FraudReads


@dataclass(frozen=True, kw_only=True)
class Deps:
    """Built once, by entrypoints."""

    database: Database
    commands: Commands
    now: Callable[[], datetime]
    new_id: Callable[[datetime], UUID]
    event_sources: frozenset[str]
    required_approvals: int = 1
    webhooks_to_private: bool = False
    """Whether webhooks may go to the own network and over plain http: on a laptop, and in tests."""
    checkpoints: CheckpointDestination | None = None
    """Where the timer hands checkpoints; without one there is no timer."""

    fraud_provider: FraudProvider | None = None
    """Who scores payments; without one nobody does here."""
    fraud_thresholds: Cuts | None = None
    """Those of the service's own rule set, where they are set."""

    @cached_property
    def fraud(self) -> FraudReads:
        """Where the facts of payments are read that are to be scored, those of many at once together."""
        from vendorpay.usecases.fraud_reads import FraudReads  # hardly any start needs all that it needs

        return FraudReads(self.database, self.now, self.fraud_thresholds)

    @cached_property
    def fraud_gaps(self) -> FraudGaps:
        """The walk that fills the gaps of the fraud history, with how far it is."""
        from vendorpay.usecases.fraud_gaps import FraudGaps

        return FraudGaps(self.database, self.now)

    @cached_property
    def payments(self) -> PaymentReads:
        """Where single payments and queues are read, those asked for at once together."""
        return PaymentReads(self.database)
