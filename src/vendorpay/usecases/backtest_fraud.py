"""Backtest a rule set on what is stored: every payment of a period judged anew, as of its own time; nothing changes.

Decisions of cases are the labels: precision and recall are those among payments that somebody decided.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from vendorpay.domain.fraud.facts import facts_of
from vendorpay.domain.fraud.finding import Assessment, FraudStatus
from vendorpay.domain.fraud.rule_set import RuleSet
from vendorpay.domain.fraud.score import assess
from vendorpay.domain.fraud_cases import Decision
from vendorpay.domain.fraud_history import History
from vendorpay.store import fraud_history, read_payments
from vendorpay.store.db import Database
from vendorpay.store.fraud_history import Judged

PAGE_ROWS: Final = 5_000
CHANGED_MAX: Final = 1_000
"""How many payments whose verdict changes are named; all are counted."""
DIGITS: Final = 4

Progress = Callable[[int], None]


class ChangedVerdict(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A payment that the rule set judges otherwise than the live score did."""

    payment_id: UUID
    was: str
    now: str
    score: float
    reasons: tuple[str, ...]


class StoredBacktest(msgspec.Struct, kw_only=True, rename="camel"):
    """What a rule set comes to. Where nothing that people decided was flagged, nothing was wrongly; where no fraud is
    known, none was missed.
    """

    precision: float = 1.0
    recall: float = 1.0
    flagged: int = 0
    scored: int = 0
    flagged_share: float = 0.0
    cleared: int = 0
    confirmed: int = 0
    changed_count: int = 0
    changed: list[ChangedVerdict] = []


async def backtest(
    database: Database,
    org_id: str,
    rule_set: RuleSet,
    *,
    start: datetime,
    end: datetime,
    progress: Progress = lambda done: None,
) -> StoredBacktest:
    """Judges what occurred from `start` to before `end`; what was recorded before is its history."""
    report, history, after = StoredBacktest(changed=[]), History(), read_payments.FIRST
    right = done = wrongly = 0
    while True:
        async with database.reading() as connection:
            page = await fraud_history.history(connection, org_id, after=after, limit=PAGE_ROWS)
        for one in page:
            if start <= one.row.occurred_at < end:
                found = assess(facts_of(one.row, history.windows(one.row)), rule_set)
                is_flagged = found.status is FraudStatus.FLAGGED
                right += is_flagged and one.decision == Decision.CONFIRMED
                wrongly += is_flagged and one.decision == Decision.CLEARED
                _count(report, one, found, is_flagged)
            history.record(one.row)
        done += len(page)
        progress(done)
        if len(page) < PAGE_ROWS:
            break
        after = page[-1].row.payment_id
    if right + wrongly:
        report.precision = round(right / (right + wrongly), DIGITS)
    if report.confirmed:
        report.recall = round(right / report.confirmed, DIGITS)
    report.flagged_share = round(report.flagged / report.scored, DIGITS) if report.scored else 0.0
    return report


def _count(report: StoredBacktest, one: Judged, found: Assessment, is_flagged: bool) -> None:
    report.scored += 1
    report.flagged += is_flagged
    report.cleared += one.decision == Decision.CLEARED
    report.confirmed += one.decision == Decision.CONFIRMED
    if one.status is None or (one.status == FraudStatus.FLAGGED) == is_flagged:
        return
    report.changed_count += 1
    if len(report.changed) < CHANGED_MAX:
        changed = ChangedVerdict(
            payment_id=one.row.payment_id,
            was=one.status,
            now=found.status.value,
            score=found.score,
            reasons=tuple(finding.code for finding in found.findings),
        )
        report.changed.append(changed)
