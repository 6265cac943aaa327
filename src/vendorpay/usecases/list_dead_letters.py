"""List dead letters: events that could not be delivered to a subscription, and why."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from vendorpay.domain.roles import Caller
from vendorpay.store import dead_letters
from vendorpay.usecases import cursor as cursors
from vendorpay.usecases.deps import Deps

_KIND: Final = "dead_letters"


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One event and the subscription that did not get it.

    The event itself is in the feed, at its `position`. Those after it of the same aggregate went on without it.
    """

    delivery_id: UUID
    subscription_id: UUID
    subscription_kind: str
    subscription_name: str
    event_id: UUID
    event_type: str
    aggregate_id: UUID
    sequence: int
    position: int
    attempts: int
    last_error: str | None
    created_at: datetime
    dead_since: datetime


class DeadLetterPage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One page, and the cursor of the next one when there is more."""

    dead_letters: tuple[DeadLetter, ...]
    next_cursor: str | None = None


async def page(deps: Deps, caller: Caller, *, limit: int, cursor: str | None = None) -> DeadLetterPage:
    """The organisation's, oldest first. Raises InvalidRequest for a foreign cursor."""
    after = cursors.after(_KIND, cursor)
    async with deps.database.reading() as connection:
        found = await dead_letters.page(connection, caller.scope().org_id, after=after, limit=limit + 1)
    shown, more = cursors.cut(_KIND, found, limit, lambda row: row["delivery_id"])
    return DeadLetterPage(dead_letters=tuple(DeadLetter(**row) for row in shown), next_cursor=more)
