"""Cumulative limits: how much of an approver's or a vendor's day or week an approval takes.

What is used stands in rows that are counted up under their locks (correctness.md 9): a sum over other rows would let
two approvals both be the last that fits. The schema counts them, with the approvals (limits_take of 0021); here is what
it will find, so that who is past a limit is told before anything is written. Days and weeks (from Monday) are UTC's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import msgspec

from vendorpay.domain.approval_rule import CumulativeLimit, LimitPer, LimitPeriod
from vendorpay.domain.errors import ApprovalLimitExceeded
from vendorpay.domain.payment import Approval, PaymentState

LimitRow = tuple[str, str, str, str, str, date]
"""Organisation, subject type, subject, currency, period and its first day: the key of a limit's row."""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """A part of one limit's row."""

    subject_type: str
    subject_id: str
    currency: str
    period: str
    period_start: date
    amount_cents: int
    max_cents: int

    def row(self, org_id: str) -> LimitRow:
        """Whose row it is a part of."""
        return (org_id, self.subject_type, self.subject_id, self.currency, self.period, self.period_start)


def check(org_id: str, used: Sequence[Usage], so_far: Mapping[LimitRow, int]) -> None:
    """Raises ApprovalLimitExceeded for what does not fit. The schema has the last word (limit_usage_within_max), for
    another transaction may have taken some meanwhile."""
    if any(so_far.get(one.row(org_id), 0) + one.amount_cents > one.max_cents for one in used):
        raise ApprovalLimitExceeded


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
