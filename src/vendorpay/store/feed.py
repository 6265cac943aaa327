"""The feed: an organisation's events in the order of their positions."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec

from vendorpay.domain.feed import FeedEvent
from vendorpay.store import queries
from vendorpay.store.db import Connection, rows

_SQL: Final = "feed.sql"


async def page(
    connection: Connection,
    org_id: str,
    *,
    after: int,
    limit: int,
    until: int | None = None,
    event_types: Collection[str] | None = None,
) -> list[FeedEvent]:
    """The first events after a position: `limit` at most, none after `until`, all of `event_types` where given.

    Without `until` no more positions are looked at than the limit.
    """
    found = await rows(
        connection,
        queries.load(_SQL)["page"],
        {
            "org_id": org_id,
            "after": after,
            "until": after + limit if until is None else until,
            "limit": limit,
            "event_types": None if event_types is None else list(event_types),
        },
    )
    return [FeedEvent(**{**row, "detail": msgspec.Raw(row["detail"].encode())}) for row in found]


async def last_position(connection: Connection, org_id: str) -> int:
    """The position of the organisation's newest event; 0 when it has none."""
    (found,) = await rows(connection, queries.load(_SQL)["last_position"], {"org_id": org_id})
    return int(found["last_position"])
