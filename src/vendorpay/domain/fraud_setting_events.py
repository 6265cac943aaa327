"""The events about what people tell the scorer: vendors that are listed, and rule sets."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from vendorpay.domain.events import PublishedEvent
from vendorpay.domain.fraud_listing import ListingKind


class FraudListingEvent(PublishedEvent, frozen=True, kw_only=True, rename="camel"):
    """What the detail of every event about a listing has."""

    listing_id: UUID
    vendor_id: UUID
    kind: ListingKind
    signal: str | None
    expires_at: datetime | None


class FraudListingAdded(FraudListingEvent, frozen=True, kw_only=True, rename="camel"):
    """A block, which counts from now on; or trust or a snooze that waits for a second person."""

    listed_by: str


class FraudListingConfirmed(FraudListingEvent, frozen=True, kw_only=True, rename="camel"):
    """A second person agrees: from now on it counts."""

    confirmed_by: str


class FraudListingEnded(FraudListingEvent, frozen=True, kw_only=True, rename="camel"):
    """It counts no more, before its time."""

    ended_by: str


class FraudRuleSetEvent(PublishedEvent, frozen=True, kw_only=True, rename="camel"):
    """What the detail of every event about a rule set has."""

    rule_set_id: UUID
    rule_set_version: str


class FraudRuleSetProposed(FraudRuleSetEvent, frozen=True, kw_only=True, rename="camel"):
    """Somebody brought another rule set; nothing is another by it."""

    proposed_by: str


class FraudRuleSetActivated(FraudRuleSetEvent, frozen=True, kw_only=True, rename="camel"):
    """From now on it decides."""

    activated_by: str


class FraudRuleSetShadowed(FraudRuleSetEvent, frozen=True, kw_only=True, rename="camel"):
    """From now on it is tried beside the one that decides."""

    shadowed_by: str


class FraudRuleSetShadowEnded(FraudRuleSetEvent, frozen=True, kw_only=True, rename="camel"):
    """It is tried no more."""

    ended_by: str
