"""The operations on events: publishing ours, and reading what happened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from vendorpay.client.answers import Pages, read, read_answer
from vendorpay.client.asking import Asking
from vendorpay.client.event_values import (
    DeadLetter,
    DeadLetterPage,
    Event,
    EventResult,
    EventResults,
    FeedPage,
    Quarantined,
    QuarantinePage,
    Redriven,
)
from vendorpay.client.feed import Place
from vendorpay.client.request import Id, Request, path

NOTHING = b"{}"


class _RawFeed(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    events: list[msgspec.Raw]
    position: int
    last_position: int


class EventOperations(Asking):
    """Publish events, read the feed, and see to what was rejected or could not be delivered."""

    def publish_events(
        self, events: Sequence[dict[str, Any]] | dict[str, Any] | bytes, *, key: str | None = None
    ) -> EventResults:
        """Publishes one WorkCompleted event or at most 1,000; bytes are sent as they are. Each has a result."""
        body = events if isinstance(events, bytes) else msgspec.json.encode(events)
        return self._post(EventResults, "/events", body, key)

    def read_feed(self, *, after: int | None = None, limit: int | None = None, type: str | None = None) -> FeedPage:  # noqa: A002
        """The next events after a position; of one type when that is given. An empty page is the end so far."""
        query = {"after": after, "limit": limit, "type": type}
        raw = self.ask(Request(method="GET", path="/events", query=query)).body
        found = read(raw, _RawFeed)
        # Each event keeps its own bytes, so that it can be passed on as it came.
        events = tuple(read_answer(bytes(one), Event) for one in found.events)
        page = FeedPage(events=events, position=found.position, last_position=found.last_position)
        page.__dict__["json_of_the_service"] = raw
        return page

    def feed(self, place: Place | int = 0, *, follow: bool = False, poll_s: float = 1.0) -> Iterator[Event]:
        """Every event after a place, in order and without a gap; with `follow` also those to come, for ever.

        `place` moves on with them: give a Place to know where to go on. Raises FeedGap where the feed is not what it
        promises to be.
        """
        for page in self.feed_pages(place, follow=follow, poll_s=poll_s):
            yield from page

    def feed_pages(
        self, place: Place | int = 0, *, follow: bool = False, poll_s: float = 1.0
    ) -> Iterator[Iterator[Event]]:
        """The same a page at a time, each to be gone through before the next; those at the end are empty."""
        place = Place(place) if isinstance(place, int) else place
        while True:
            before = place.after
            yield place.events_of(self.read_feed(after=before, limit=place.limit, type=place.event_type))
            if place.after > before:  # also when a page of one type has passed over events of others alone
                continue
            if not follow:
                return
            self._transport.wait(poll_s)

    def list_quarantined_events(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> Pages[QuarantinePage, Quarantined]:
        """Events that were rejected, oldest first."""
        return Pages(lambda after: self._get(QuarantinePage, "/events/quarantine", limit=limit, cursor=after), cursor)

    def replay_quarantined_event(self, quarantine_id: Id, *, key: str | None = None) -> EventResult:
        """Takes a rejected event once more."""
        return self._post(EventResult, path("events", "quarantine", quarantine_id, "replay"), NOTHING, key)

    def list_dead_letters(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> Pages[DeadLetterPage, DeadLetter]:
        """Events that could not be delivered, oldest first."""
        return Pages(lambda after: self._get(DeadLetterPage, "/events/dead-letters", limit=limit, cursor=after), cursor)

    def redrive_dead_letter(self, delivery_id: Id, *, key: str | None = None) -> Redriven:
        """Delivers a dead letter after all, with all its tries again."""
        return self._post(Redriven, path("events", "dead-letters", delivery_id, "redrive"), NOTHING, key)
