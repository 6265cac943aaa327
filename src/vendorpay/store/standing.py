"""How things stand: read at a scrape of the metrics, cheap on any number of payments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from psycopg.rows import DictRow

from vendorpay.store import queries
from vendorpay.store.db import Connection, rows

COUNT_MAX: Final = 10_001
FEW_MAX: Final = 1_001
HEADS_MAX: Final = 1_000
"""Beyond so many subscriptions with something to deliver the oldest is looked for among these only."""
WALK_MAX: Final = 20
"""Rows that are asked for their position."""
ORGS_MAX: Final = 1_000
"""Beyond so many organisations with waiting payments the oldest is looked for among these only."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """`streams` has position and lag_s for each stream, `deliveries` pending, oldest_s, overdue_s and dead for each
    kind of subscription; `approvals` and `upkeep` are one row each."""

    streams: list[DictRow]
    deliveries: list[DictRow]
    approvals: DictRow
    upkeep: DictRow


async def look(connection: Connection) -> Standing:
    """Four statements, each along its indexes."""
    blocks = queries.load("standing.sql")
    limits = {
        "count_max": COUNT_MAX,
        "few_max": FEW_MAX,
        "heads_max": HEADS_MAX,
        "orgs_max": ORGS_MAX,
        "walk_max": WALK_MAX,
    }
    return Standing(
        streams=await rows(connection, blocks["sequencer"], limits),
        deliveries=await rows(connection, blocks["deliveries"], limits),
        approvals=(await rows(connection, blocks["approvals"], limits))[0],
        upkeep=(await rows(connection, blocks["upkeep"], limits))[0],
    )
