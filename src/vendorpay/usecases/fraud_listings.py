"""List a vendor as trusted, blocked or not to be judged by a signal for a while; confirm or end a listing; read them.

What lets the scorer say less of a vendor counts when a second person has confirmed it; a block counts at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import msgspec

from vendorpay.domain.audit import AuditAction
from vendorpay.domain.errors import FourEyes, FraudListingOver, InvalidRequest, NotFound
from vendorpay.domain.events import EventDraft
from vendorpay.domain.fraud_listing import Listing, ListingState, ListingStatus
from vendorpay.domain.fraud_setting_events import FraudListingAdded, FraudListingConfirmed, FraudListingEnded
from vendorpay.domain.new_listing import NewListing, expiry_faults
from vendorpay.domain.roles import Caller
from vendorpay.store import fraud_settings
from vendorpay.store.subjects import FraudListingClaim
from vendorpay.usecases import cursor as cursors
from vendorpay.usecases.command import Command, Facts, Outcome
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.fraud_setting_change import listing_change

_LISTINGS: Final = "fraud-listings"


class ListingPage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One page of listings, oldest first; those that ended or expired too."""

    listings: tuple[Listing, ...]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class ListVendor(Command):
    """Somebody lists a vendor. What is scored from then on heeds a block; trust and snoozes wait for another person."""

    operation = "list_vendor_for_fraud"

    new: NewListing

    def decide(self, facts: Facts) -> Outcome:
        if faults := expiry_faults(self.new.expires_at, facts.now):
            raise InvalidRequest(faults)
        listing = Listing(
            listing_id=facts.new_id(),
            vendor_id=self.new.vendor_id,
            kind=self.new.kind,
            reason_code=self.new.reason_code,
            signal=self.new.signal,
            expires_at=self.new.expires_at,
            listed_by=self.caller.sub,
            listed_at=facts.now,
        )
        state = ListingState(org_id=self.caller.org_id, listing=listing)
        event = EventDraft(kind=FraudListingAdded, own={"listed_by": self.caller.sub})
        change = listing_change(None, state, AuditAction.FRAUD_LISTING_ADDED, event)
        return Outcome(answer=msgspec.json.encode(listing), payment_id=None, change=change)


@dataclass(frozen=True, kw_only=True)
class _OfListing(Command):
    """A command about one listing, whose row it locks."""

    listing_id: UUID

    def subject_claim(self) -> FraudListingClaim:
        return FraudListingClaim(self.caller.org_id, self.listing_id)

    def found(self, facts: Facts) -> ListingState:
        """The listing. Raises NotFound."""
        if not isinstance(facts.fraud_subject, ListingState):
            raise NotFound(subject="fraud listing", id=self.listing_id)
        return facts.fraud_subject

    def changed(self, before: ListingState, listing: Listing, action: AuditAction, event: EventDraft) -> Outcome:
        """The listing as it is then, on record."""
        change = listing_change(before, msgspec.structs.replace(before, listing=listing), action, event)
        return Outcome(answer=msgspec.json.encode(listing), payment_id=None, change=change)


@dataclass(frozen=True, kw_only=True)
class ConfirmListing(_OfListing):
    """Somebody other than who listed the vendor agrees: from now on it counts."""

    operation = "confirm_fraud_listing"

    def decide(self, facts: Facts) -> Outcome:
        before = self.found(facts)
        if before.listing.is_over(facts.now):
            raise FraudListingOver
        if before.listing.status is ListingStatus.ACTIVE:
            return Outcome(answer=msgspec.json.encode(before.listing), payment_id=None)
        if self.caller.sub == before.listing.listed_by:
            raise FourEyes
        confirmed = msgspec.structs.replace(before.listing, confirmed_by=self.caller.sub, confirmed_at=facts.now)
        event = EventDraft(kind=FraudListingConfirmed, own={"confirmed_by": self.caller.sub})
        return self.changed(before, confirmed, AuditAction.FRAUD_LISTING_CONFIRMED, event)


@dataclass(frozen=True, kw_only=True)
class EndListing(_OfListing):
    """A listing counts no more; one that had ended before stays as it was."""

    operation = "end_fraud_listing"

    def decide(self, facts: Facts) -> Outcome:
        before = self.found(facts)
        if before.listing.ended_at is not None:
            return Outcome(answer=msgspec.json.encode(before.listing), payment_id=None)
        ended = msgspec.structs.replace(before.listing, ended_by=self.caller.sub, ended_at=facts.now)
        event = EventDraft(kind=FraudListingEnded, own={"ended_by": self.caller.sub})
        return self.changed(before, ended, AuditAction.FRAUD_LISTING_ENDED, event)


async def page(deps: Deps, caller: Caller, *, vendor_id: UUID | None, limit: int, cursor: str | None) -> ListingPage:
    """The organisation's listings. Raises InvalidRequest for a foreign cursor."""
    after = cursors.after(_LISTINGS, cursor)
    async with deps.database.reading() as connection:
        found = await fraud_settings.listings(
            connection, caller.scope().org_id, vendor_id=vendor_id, after=after, limit=limit + 1
        )
    shown, more = cursors.cut(_LISTINGS, found, limit, lambda one: one.listing_id)
    return ListingPage(listings=shown, next_cursor=more)
