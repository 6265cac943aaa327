"""Rows for tests: one vendor's ordinary work, with what a test is about said by name."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from vendorpay.domain.fraud.facts import FraudFacts, facts_of
from vendorpay.domain.fraud.finding import Assessment
from vendorpay.domain.fraud.rows import FraudRow
from vendorpay.domain.fraud.rule_set import DEFAULT
from vendorpay.domain.fraud.score import assess
from vendorpay.domain.fraud_history import History

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
VENDOR, OTHER = UUID(int=7), UUID(int=8)


def a_row(number: int, at: datetime, **told: Any) -> FraudRow:
    """An ordinary payment."""
    facts: dict[str, Any] = {
        "payment_id": UUID(int=number),
        "vendor_id": VENDOR,
        "incident_id": UUID(int=10**9 + number),
        "occurred_at": at,
        "currency": "USD",
        "amount_cents": 20_000,
        "service_type": "towing",
        "base_cents": 18_000,
        "mileage_cents": 2_000,
        "duration_min": 60,
        "photo_count": 2,
        "lines_key": number,
    }
    facts |= told
    if "base_cents" in told or "mileage_cents" in told:
        facts.setdefault("amount_cents", 0)
        if "amount_cents" not in told:
            facts["amount_cents"] = (facts["base_cents"] or 0) + (facts["mileage_cents"] or 0)
    return FraudRow(**facts)


def months_of_work(seed: int = 1, payments: int = 240, vendors: Iterable[UUID] = (VENDOR, OTHER)) -> list[FraudRow]:
    """Payments of a few vendors by day over four months, in order of time, none of them remarkable."""
    chance = random.Random(seed)
    known, found = list(vendors), []
    for number in range(1, payments + 1):
        at = START + timedelta(days=number // 2, minutes=chance.randrange(480))
        found.append(
            a_row(
                number,
                at,
                vendor_id=chance.choice(known),
                base_cents=round(18_000 * chance.lognormvariate(0, 0.12)),
                mileage_cents=chance.choice((0, chance.randrange(800, 4_000))),
                duration_min=chance.randrange(35, 120),
                photo_count=chance.choice((1, 2, 2, 3)),
                created_by=chance.choice(("ada", "ben", "cem")),
                driver_id=chance.choice(("d1", "d2", "d3", "d4")),
            )
        )
    return sorted(found, key=lambda row: row.occurred_at)


def after(rows: Iterable[FraudRow]) -> tuple[History, datetime, int]:
    """The history of the rows, a moment in the week after them (a working hour), and the next number."""
    history, last = History(), START
    number = 0
    for row in rows:
        number += 1
        last = row.occurred_at
        history.record(msgspec.structs.replace(row, payment_id=UUID(int=number)))
    return history, (last + timedelta(days=1)).replace(hour=12), number + 1


def facts_in(history: History, row: FraudRow) -> FraudFacts:
    """The facts of a row."""
    return facts_of(row, history.windows(row))


def assessed(history: History, row: FraudRow) -> Assessment:
    """What the default rule set says of a row."""
    return assess(facts_in(history, row), DEFAULT)


def codes(assessment: Assessment) -> set[str]:
    """The codes of what was found."""
    return {finding.code for finding in assessment.findings}
