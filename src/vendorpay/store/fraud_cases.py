"""Fraud cases, read; whoever decides one does so by a command on its payment."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from vendorpay.store import queries
from vendorpay.store.db import Connection, rows

_FILE: Final = "fraud_cases.sql"


async def without_score(connection: Connection, *, limit: int) -> list[tuple[str, UUID]]:
    """Payments with an open case for want of a score, of any organisation, the oldest first."""
    found = await rows(connection, queries.load(_FILE)["without_score"], {"limit": limit})
    return [(row["org_id"], row["payment_id"]) for row in found]
