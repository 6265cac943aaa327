"""Events as the service takes and tells them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from vendorpay.client.answers import Answered, Page
from vendorpay.client.problem import FieldFault


class EventResult(Answered, frozen=True, kw_only=True, rename="camel"):
    """What became of one event: `result` is accepted, duplicate or rejected; `id` is its own, when it has one."""

    id: str | None
    result: str
    payment_id: UUID | None = None
    reason: str | None = None
    errors: tuple[FieldFault, ...] = ()


class EventResults(Answered, frozen=True, kw_only=True, rename="camel"):
    """What became of each event, in the order they were sent."""

    results: tuple[EventResult, ...]


class Event(Answered, frozen=True, kw_only=True):
    """Something that happened: positions are 1, 2, 3.. for an organisation, without a gap."""

    position: int
    id: UUID
    source: str
    detail_type: str = msgspec.field(name="detail-type")
    time: datetime
    detail: dict[str, Any]


class FeedPage(Answered, frozen=True, kw_only=True, rename="camel"):
    """Events in the order of their positions, the position to go on after, and the end of the feed."""

    events: tuple[Event, ...]
    position: int
    last_position: int


class Quarantined(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An event that was rejected; `raw` is the beginning of its text."""

    quarantine_id: UUID
    reason: str
    errors: tuple[FieldFault, ...]
    publisher: str
    times_seen: int
    first_seen_at: datetime
    last_seen_at: datetime
    raw: str
    raw_bytes: int


class QuarantinePage(Page[Quarantined], frozen=True, kw_only=True, rename="camel"):
    """One page of rejected events."""

    quarantined: tuple[Quarantined, ...]
    next_cursor: str | None


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An event that could not be delivered, and the subscription that did not get it."""

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


class DeadLetterPage(Page[DeadLetter], frozen=True, kw_only=True, rename="camel"):
    """One page of dead letters."""

    dead_letters: tuple[DeadLetter, ...]
    next_cursor: str | None = None


class Redriven(Answered, frozen=True, kw_only=True, rename="camel"):
    """A dead letter that waits for its delivery again."""

    delivery_id: UUID
    event_id: UUID
    state: str
    attempts: int
