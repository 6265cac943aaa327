"""The feed: published events with their positions, as everybody who reads or receives them sees them."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

SOURCE: Final = "roadcall.payment-service"
"""What the envelope of a published event names as its source (contract section 5)."""


class FeedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event that has its place: `position` counts 1, 2, 3.. for its organisation, `sequence` for its aggregate.

    `detail` is the JSON that was stored with the change, untouched.
    """

    org_id: str
    position: int
    aggregate_type: str
    aggregate_id: UUID
    sequence: int
    event_id: UUID
    event_type: str
    occurred_at: datetime
    detail: msgspec.Raw


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """How an event is shown in the feed: the envelope that EventBridge has, with its position."""

    position: int
    id: UUID
    source: str
    detail_type: str = msgspec.field(name="detail-type")
    time: datetime
    detail: msgspec.Raw


def positioned_detail(event: FeedEvent) -> msgspec.Raw:
    """The detail with the event's position put in as its last field; the rest stays byte for byte."""
    return msgspec.Raw(bytes(event.detail).rstrip()[:-1] + b',"position":%d}' % event.position)


def bus_detail(event: FeedEvent) -> bytes:
    """The detail as the bus gets it: with its position, and whose it is, for a bus has those of all organisations."""
    org_id = msgspec.json.encode(event.org_id)
    return bytes(positioned_detail(event))[:-1] + b',"orgId":%b}' % org_id


def enveloped(event: FeedEvent) -> Envelope:
    """The event as the feed shows it."""
    return Envelope(
        position=event.position,
        id=event.event_id,
        source=SOURCE,
        detail_type=event.event_type,
        time=event.occurred_at,
        detail=positioned_detail(event),
    )
