"""Quarantined events."""

from __future__ import annotations

from uuid import UUID

from psycopg.rows import DictRow

from vendorpay.store import queries
from vendorpay.store.db import Connection, rows


async def page(connection: Connection, org_id: str, *, after: UUID, limit: int, shown: int) -> list[DictRow]:
    """Open ones, oldest first, each with the first `shown` bytes of it."""
    parameters = {"org_id": org_id, "after": after, "limit": limit, "shown": shown}
    return await rows(connection, queries.load("quarantine.sql")["page"], parameters)


async def raw(connection: Connection, org_id: str, quarantine_id: UUID) -> bytes | None:
    """The event's own bytes."""
    parameters = {"org_id": org_id, "quarantine_id": quarantine_id}
    found = await rows(connection, queries.load("quarantine.sql")["raw"], parameters)
    return bytes(found[0]["raw"]) if found else None
