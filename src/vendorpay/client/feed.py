"""Reading the feed in order, with an eye on every position."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from vendorpay.client.event_values import Event, FeedPage
from vendorpay.client.problem import ClientError

PAGE_EVENTS: Final = 200


class FeedGap(ClientError):
    """The feed does not go on where it should; the message names the positions."""


class Place(msgspec.Struct):
    """Up to where a feed was read, and which events are wanted of it."""

    after: int = 0
    event_type: str | None = None
    limit: int = PAGE_EVENTS

    def events_of(self, page: FeedPage) -> Iterator[Event]:
        """The events of the next page, as far as it is whole; the place moves on with each. Raises FeedGap."""
        if self.after > page.last_position:
            raise FeedGap(
                f"The feed ends at position {page.last_position}, before {self.after}: it is another one than was "
                "read. Begin anew."
            )
        for event in page.events:
            if event.position <= self.after or (self.event_type is None and event.position != self.after + 1):
                raise FeedGap(_words(self.after, event.position))
            self.after = event.position
            yield event
        self.after = max(self.after, page.position)


def _words(after: int, position: int) -> str:
    if position <= after:
        return f"The feed went back: position {position} came after {after}."
    missing = f"position {after + 1} is" if position == after + 2 else f"positions {after + 1} to {position - 1} are"
    return f"The feed has a gap: {missing} missing, {position} came after {after}."
