"""The schema as the database's own catalog tells it, for the generated documentation."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from vendorpay.store import queries
from vendorpay.store.db import Connection, rows

SECTIONS = ("columns", "rules", "indexes", "triggers", "grants")


async def describe(connection: Connection) -> list[dict[str, Any]]:
    """Every table and view with its columns, rules, indexes, triggers and grants, each a list of rows."""
    blocks = queries.load("catalog.sql")
    found: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: {name: [] for name in SECTIONS})
    for section in SECTIONS:
        for row in await rows(connection, blocks[section], {}):
            found[row["table_name"]][section].append(row)
    return [{**table, **found[table["name"]]} for table in await rows(connection, blocks["tables"], {})]
