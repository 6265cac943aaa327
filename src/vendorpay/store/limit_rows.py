"""What is taken of cumulative limits, and given back, as the rows of a batch; and what was taken before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vendorpay.domain.limits import LimitRow, Usage
from vendorpay.store import queries
from vendorpay.store.arrays import literal
from vendorpay.store.batch_writer import Rows
from vendorpay.store.db import Connection, rows

_PARTS: Final = ("org_ids", "subject_types", "subject_ids", "currencies", "periods", "period_starts")


def add_used(batch: Rows, org_id: str, used: Sequence[Usage]) -> None:
    """What approvals take; the database refuses what does not fit."""
    for one in used:
        _add(batch, one, org_id, one.amount_cents)


def add_returned(batch: Rows, org_id: str, returned: Sequence[Usage]) -> None:
    """What approvals that were voided had taken."""
    for one in returned:
        _add(batch, one, org_id, -one.amount_cents)


def _add(batch: Rows, one: Usage, org_id: str, cents: int) -> None:
    """Both blocks see all of it, and each of them leaves to the other what is its own."""
    whose = one.row(org_id)
    batch.add("limits", (*whose, cents, one.max_cents))
    batch.add("limit_returns", (*whose, cents))


async def used(connection: Connection, asked: Sequence[LimitRow]) -> dict[LimitRow, int]:
    """What is taken of limits by now; nothing is locked, so that more may be by the time it is written."""
    parameters = {name: literal(values) for name, values in zip(_PARTS, zip(*asked, strict=True), strict=True)}
    found = await rows(connection, queries.load("claims.sql")["limits_used"], parameters)
    return {asked[row["n"] - 1]: row["used_cents"] for row in found}
