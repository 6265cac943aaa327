"""What was taken of cumulative limits before. What approvals take and give back, the schema counts itself (0021)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vendorpay.domain.limits import LimitRow
from vendorpay.store import queries
from vendorpay.store.arrays import literal
from vendorpay.store.db import Connection, rows

_PARTS: Final = ("org_ids", "subject_types", "subject_ids", "currencies", "periods", "period_starts")


async def used(connection: Connection, asked: Sequence[LimitRow]) -> dict[LimitRow, int]:
    """What is taken of limits by now; nothing is locked, so that more may be by the time it is written."""
    parameters = {name: literal(values) for name, values in zip(_PARTS, zip(*asked, strict=True), strict=True)}
    found = await rows(connection, queries.load("claims.sql")["limits_used"], parameters)
    return {asked[row["n"] - 1]: row["used_cents"] for row in found}
