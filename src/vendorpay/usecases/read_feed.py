"""Read the feed: what happened in an organisation, by position, without a gap."""

from __future__ import annotations

from typing import Final

import msgspec

from vendorpay.domain.feed import Envelope, enveloped
from vendorpay.domain.roles import Caller
from vendorpay.store import feed
from vendorpay.usecases.deps import Deps

EXAMINED_MAX: Final = 2_000
"""How many positions one page looks through when only some events are asked for."""


class FeedPage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Events in the order of their positions, and the position to go on after.

    `last_position` is the end of the feed: a reader who stands beyond it reads another feed than the one they began.
    """

    events: tuple[Envelope, ...]
    position: int
    last_position: int


async def page(deps: Deps, caller: Caller, *, after: int, limit: int, event_type: str | None = None) -> FeedPage:
    """The organisation's next events after a position; of one type when that is given.

    The page's position is the last one that was looked at: so it leads on also when no event there was of the type.
    An empty page at the end keeps `after`.
    """
    org_id = caller.scope().org_id
    types = None if event_type is None else (event_type,)
    async with deps.database.reading() as connection:
        # First the end, then the events: what comes in between is the next page's.
        last = await feed.last_position(connection, org_id)
        until = min(last, after + (limit if types is None else EXAMINED_MAX))
        if until <= after:
            return FeedPage(events=(), position=after, last_position=last)
        found = await feed.page(connection, org_id, after=after, until=until, limit=limit, event_types=types)
    position = found[-1].position if len(found) == limit else until
    return FeedPage(events=tuple(map(enveloped, found)), position=position, last_position=last)
