"""What the fraud side changes about a payment besides its row: scores that were given, and its case."""

from __future__ import annotations

import msgspec

from vendorpay.domain.fraud_cases import FraudCase
from vendorpay.domain.payment import PaymentState
from vendorpay.store import fraud_rows
from vendorpay.store.batch_writer import Rows
from vendorpay.store.fraud_rows import GivenScore


class FraudChange(msgspec.Struct, frozen=True, kw_only=True):
    """Goes with a PaymentChange; the payment's state has the gate, the score and the open case as they are then."""

    scores: tuple[GivenScore, ...] = ()
    opened: FraudCase | None = None
    changed: FraudCase | None = None
    """The case that was open, after somebody was given it or decided it."""


def add_fraud_change(rows: Rows, state: PaymentState, change: FraudChange) -> None:
    """Adds everything that the fraud side's word on a payment means to the rows of the batch."""
    fraud_rows.add_judged_payment(rows, state)
    for given in change.scores:
        fraud_rows.add_score(rows, state.payment, given)
    if change.opened is not None:
        fraud_rows.add_opened_case(rows, state.payment, change.opened)
    if change.changed is not None:
        fraud_rows.add_changed_case(rows, state.payment, change.changed)
