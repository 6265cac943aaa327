"""Cumulative limits: how much of an approver's or a vendor's day or week an approval takes.

What is used stands in rows that are counted up under their locks (correctness.md 9): a sum over other rows would let
two approvals both be the last that fits. Days and weeks (from Monday) are those of UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import msgspec

from vendorpay.domain.approval_rule import CumulativeLimit, LimitPer, LimitPeriod
from vendorpay.domain.payment import Approval, PaymentState


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """A part of one limit's row."""

    subject_type: str
    subject_id: str
    currency: str
    period: str
    period_start: date
    amount_cents: int
    max_cents: int


def of_approvals(state: PaymentState, approvals: Sequence[Approval], approved_at: datetime | None) -> tuple[Usage, ...]:
    """What approvals of this content take by the limits of its rule; the vendor's only once it is approved."""
    if state.rule is None:
        return ()
    found = []
    for limit in state.rule.limits:
        if limit.per is LimitPer.APPROVER:
            found += [_usage(state, limit, approval.approver_id, approval.at) for approval in approvals]
        elif approved_at is not None:
            found.append(_usage(state, limit, str(state.payment.vendor_id), approved_at))
    return tuple(found)


def _usage(state: PaymentState, limit: CumulativeLimit, subject_id: str, at: datetime) -> Usage:
    return Usage(
        subject_type=limit.per.value,
        subject_id=subject_id,
        currency=limit.currency,
        period=limit.period.value,
        period_start=_begins(limit.period, at),
        amount_cents=state.payment.amount_cents,
        max_cents=limit.max_amount_cents,
    )


def _begins(period: LimitPeriod, at: datetime) -> date:
    day = at.astimezone(UTC).date()
    return day if period is LimitPeriod.DAY else day - timedelta(days=day.weekday())
