"""What is known of payments that are to be scored; many of them at once cost little more than one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from vendorpay.domain.fraud.facts import FraudFacts, facts_of
from vendorpay.domain.fraud.rows import FraudRow, row_of
from vendorpay.domain.fraud.rule_set import DEFAULT, RuleSet, default_with
from vendorpay.domain.fraud.windows import Windows
from vendorpay.domain.fraud_thresholds import Cuts
from vendorpay.domain.fraud_verdict import awaits_score
from vendorpay.domain.vendor_standing import Standing, standing_of
from vendorpay.store import fraud_history
from vendorpay.store.db import Database
from vendorpay.store.events_of_payments import WithEvent
from vendorpay.store.fraud_answers import Said
from vendorpay.store.fraud_history import ToScore
from vendorpay.store.fraud_questions import Kept
from vendorpay.usecases.gathered import Gathered
from vendorpay.usecases.pace import Pace

TOGETHER_MAX: Final = 100


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A payment, its row, and the facts that its history makes of it."""

    found: ToScore
    row: FraudRow
    facts: FraudFacts
    rule_set: RuleSet = DEFAULT
    shadow: RuleSet | None = None
    """One that is tried beside it, and touches nothing."""
    standing: Standing = Standing()
    """What people said of its vendor."""


class FraudReads:
    """Reads facts. Raises DatabaseUnavailable or Overloaded."""

    def __init__(self, database: Database, now: Callable[[], datetime], cuts: Cuts | None = None) -> None:
        """`cuts` are the thresholds of the service's own rule set, where they are set."""
        self._database = database
        self._now = now
        self._default = default_with(cuts)
        self._gathered: Gathered[tuple[str, UUID], Known | None] = Gathered(self._read, together_max=TOGETHER_MAX)

    async def of(self, org_id: str, payment_id: UUID) -> Known | None:
        """What is known of one payment; None when there is none, or it waits for no score."""
        return await self._gathered.ask((org_id, payment_id))

    async def _read(self, asked: Sequence[tuple[str, UUID]]) -> Sequence[Known | None]:
        """Two round trips for all: the payments, then their rows put into history and their windows read."""
        async with self._database.reading() as connection:
            found, others = await fraud_history.to_score(connection, asked)
            kept = [kept_of(one) for one in found if one is not None]
            if not kept:
                return [None] * len(asked)
            waiting = [one for one in found if one is not None and _waits(one)]
            own = [kept_of(one) for one in waiting]
            windows = await fraud_history.windows(connection, [*kept, *map(kept_of, others)], own)
        now = self._now()
        known: dict[UUID, Known] = {}
        pace = Pace()  # callers of the same process do not wait for a hundred of them
        for one, kept_one, read in zip(waiting, own, windows, strict=True):
            known[one.payment.payment_id] = _known(one, kept_one.row, *read, now, self._default)
            await pace.step()
        return [None if one is None else known.get(one.payment.payment_id) for one in found]


def _waits(found: ToScore) -> bool:
    return awaits_score(found.gate, found.payment.fraud_score)


def kept_of(one: WithEvent) -> Kept:
    """What is kept of a payment in the history."""
    payment = one.payment
    return Kept(org_id=payment.org_id, content_version=payment.content_version, row=row_of(payment, one.told))


def _known(found: ToScore, row: FraudRow, windows: Windows, said: Said, now: datetime, default: RuleSet) -> Known:
    return Known(
        found=found,
        row=row,
        facts=facts_of(row, windows),
        rule_set=said.live or default,
        shadow=said.shadow,
        standing=standing_of(said.listings, now),
    )
