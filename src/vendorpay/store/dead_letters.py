"""Dead letters: deliveries that were given up."""

from __future__ import annotations

from uuid import UUID

from psycopg.rows import DictRow

from vendorpay.store import queries
from vendorpay.store.db import Connection, rows


async def page(connection: Connection, org_id: str, *, after: UUID, limit: int) -> list[DictRow]:
    """Dead ones, oldest first."""
    parameters = {"org_id": org_id, "after": after, "limit": limit}
    return await rows(connection, queries.load("deliveries.sql")["dead_letters"], parameters)


async def event_of(connection: Connection, org_id: str, delivery_id: UUID) -> UUID | None:
    """The event of a dead letter; None when there is none of that id."""
    parameters = {"org_id": org_id, "delivery_id": delivery_id}
    found = await rows(connection, queries.load("deliveries.sql")["dead_letter"], parameters)
    return found[0]["event_id"] if found else None
