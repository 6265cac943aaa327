"""Webhook endpoints: outside subscribers that are sent every event of their organisation, or those they asked for."""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from vendorpay.domain.payment import Chains
from vendorpay.domain.published import EVENT_TYPES
from vendorpay.domain.text import Line

ENDPOINTS_MAX: Final = 20
"""How many an organisation may have; deleted ones do not count."""
SECRETS_LIVE_MAX: Final = 3
SECRET_OVERLAP_H: Final = 24
SECRET_OVERLAP_H_MAX: Final = 168
IN_FLIGHT_DEFAULT: Final = 10
IN_FLIGHT_MAX: Final = 50
EVENT_TYPES_MAX: Final = 100
POSITION_MAX: Final = 2**53
URL_CHARACTERS_MAX: Final = 2_000

Url = Annotated[str, Meta(min_length=1, max_length=URL_CHARACTERS_MAX, description="https, to the public network.")]
EventTypes = Annotated[
    tuple[Annotated[str, Meta(max_length=100, extra_json_schema={"enum": list(EVENT_TYPES)})], ...],
    Meta(max_length=EVENT_TYPES_MAX, description="What is sent; empty: everything."),
]
InFlight = Annotated[int, Meta(ge=1, le=IN_FLIGHT_MAX, description="How many requests are sent at once at most.")]
Position = Annotated[int, Meta(ge=0, le=POSITION_MAX, description="Everything after this position of the feed.")]
Description = Line
OverlapHours = Annotated[int, Meta(ge=0, le=SECRET_OVERLAP_H_MAX)]


class EndpointStatus(StrEnum):
    """Whether it is sent to."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    DELETED = "deleted"


class DisableReason(StrEnum):
    """Why it is not sent to: somebody asked for it; it answered 410; it failed for days."""

    REQUESTED = "requested"
    GONE = "gone"
    FAILING = "failing"


class LiveSecret(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A secret that deliveries are signed with, without the secret itself; the newest one does not expire."""

    secret_id: UUID
    created_at: datetime
    expires_at: datetime | None


class WebhookEndpoint(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An outside subscriber."""

    endpoint_id: UUID
    org_id: str
    url: str
    description: str | None
    event_types: tuple[str, ...]
    max_in_flight: int
    status: EndpointStatus
    disabled_reason: DisableReason | None
    disabled_at: datetime | None
    secrets: tuple[LiveSecret, ...]
    version: int
    created_by: str
    created_at: datetime
    updated_at: datetime

    @property
    def digest(self) -> str:
        """What its audit entries vouch for: where it is sent what. Not the description, which is anybody's words."""
        content = {"url": self.url, "eventTypes": list(self.event_types), "maxInFlight": self.max_in_flight}
        return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()


class Replay(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The events that are still to be put in line: those after one position, up to another.

    With `again`, also those that were delivered already.
    """

    after: int
    until: int
    again: bool = False


class FeedStanding(msgspec.Struct, frozen=True, kw_only=True):
    """How far an organisation's feed has come, and how many endpoints it has; exact while the feed's lock is held."""

    last_position: int
    endpoints: int


class EndpointState(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint with what its rules need and nobody outside sees."""

    endpoint: WebhookEndpoint
    chains: Chains = Chains()
    disabled_position: int | None = None
    """The feed's last position when it was disabled: later ones are sent when it is enabled again."""
    replay: Replay | None = None
    deleted_at: datetime | None = None


class NewEndpoint(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """An endpoint to be. With `fromPosition` it is sent the events after that one first, else only new ones."""

    url: Url
    event_types: EventTypes = ()
    description: Description | None = None
    max_in_flight: InFlight = IN_FLIGHT_DEFAULT
    from_position: Position | None = None


class EndpointPatch(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What is to be another; a description of null takes it away."""

    url: Url | UnsetType = UNSET
    event_types: EventTypes | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    max_in_flight: InFlight | UnsetType = UNSET
    status: Annotated[str, Meta(extra_json_schema={"enum": ["enabled", "disabled"]})] | UnsetType = UNSET


def replay_after(position: int, feed: FeedStanding, before: Replay | None, *, again: bool = False) -> Replay | None:
    """Everything after a position, together with what was to be put in line before; None when that is nothing.

    Ranges are united: of what lies between two of them, some may come once more than it must.
    """
    after = position if before is None else min(position, before.after)
    if after >= feed.last_position:
        return None
    return Replay(after=after, until=feed.last_position, again=again or (before is not None and before.again))
