"""FraudFacts: everything that the signals know of one payment. Kept with its score, so that a reviewer sees the same.

Facts leave the payment itself out; amounts are compared within one currency; None = unknown. Each group says in its
own file how it is computed, from the windows of `windows.py` and nothing else.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from vendorpay.domain.fraud.amount_facts import AmountFacts, amount_facts
from vendorpay.domain.fraud.duplicate_facts import DuplicateFacts, duplicate_facts
from vendorpay.domain.fraud.habit_facts import HabitFacts, habit_facts
from vendorpay.domain.fraud.pace_facts import PaceFacts, pace_facts
from vendorpay.domain.fraud.people_facts import PeopleFacts, people_facts
from vendorpay.domain.fraud.presence_facts import PresenceFacts, presence_facts
from vendorpay.domain.fraud.rows import FraudRow
from vendorpay.domain.fraud.split_facts import SplitFacts, split_facts
from vendorpay.domain.fraud.view import View
from vendorpay.domain.fraud.way_facts import WayFacts, way_facts
from vendorpay.domain.fraud.windows import Windows


class FraudFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one payment at its time."""

    currency: str
    service_type: str | None
    occurred_at: datetime
    amount: AmountFacts
    way: WayFacts | None
    presence: PresenceFacts
    pace: PaceFacts
    duplicates: DuplicateFacts
    split: SplitFacts
    people: PeopleFacts
    habits: HabitFacts


def facts_of(row: FraudRow, windows: Windows) -> FraudFacts:
    """The facts of one payment held against its history."""
    view = View(row, windows)
    return FraudFacts(
        currency=row.currency,
        service_type=row.service_type,
        occurred_at=row.occurred_at,
        amount=amount_facts(view),
        way=way_facts(view),
        presence=presence_facts(view),
        pace=pace_facts(view),
        duplicates=duplicate_facts(view),
        split=split_facts(view),
        people=people_facts(view),
        habits=habit_facts(view),
    )
