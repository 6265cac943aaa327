"""What is taken of cumulative limits, and given back, as the rows of a batch."""

from __future__ import annotations

from collections.abc import Sequence

from vendorpay.domain.limits import Usage
from vendorpay.store.batch_writer import Rows


def add_used(rows: Rows, org_id: str, used: Sequence[Usage]) -> None:
    """What approvals take; the database refuses what does not fit."""
    for one in used:
        whose = (org_id, one.subject_type, one.subject_id, one.currency, one.period, one.period_start)
        rows.add("limits", (*whose, one.amount_cents, one.max_cents))


def add_returned(rows: Rows, org_id: str, returned: Sequence[Usage]) -> None:
    """What approvals that were voided had taken."""
    for one in returned:
        whose = (org_id, one.subject_type, one.subject_id, one.currency, one.period, one.period_start)
        rows.add("limit_returns", (*whose, one.amount_cents))
