"""List a vendor as trusted, blocked or not to be judged by a signal for a while; end a listing; read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import msgspec

from vendorpay.domain.errors import AlreadyDecided, InvalidRequest, NotFound
from vendorpay.domain.fraud_listings import Listing, NewListing, expiry_faults
from vendorpay.domain.roles import Caller
from vendorpay.store import fraud_settings, read_payments
from vendorpay.usecases import cursor as cursors
from vendorpay.usecases.command import Command, Done, Facts, Key, Outcome
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.fraud_setting import FraudSetting

_LISTINGS: Final = "fraud-listings"


class ListingPage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One page of listings, oldest first; those that ended or expired too."""

    listings: tuple[Listing, ...]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class ListVendor(Command):
    """Somebody lists a vendor. What is scored from then on heeds it."""

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
        return Outcome(answer=msgspec.json.encode(listing), payment_id=None, fraud_setting=FraudSetting(listed=listing))


@dataclass(frozen=True, kw_only=True)
class EndListing(Command):
    """A listing counts no more; one that had ended before stays as it was."""

    operation = "end_fraud_listing"

    listing: Listing

    def other_claims(self) -> tuple[object, ...]:
        return (("fraud listing", self.listing.listing_id),)

    def decide(self, facts: Facts) -> Outcome:
        if self.listing.ended_at is not None:
            return Outcome(answer=msgspec.json.encode(self.listing), payment_id=None)
        ended = msgspec.structs.replace(self.listing, ended_by=self.caller.sub, ended_at=facts.now)
        setting = FraudSetting(ended=ended.listing_id)
        return Outcome(answer=msgspec.json.encode(ended), payment_id=None, fraud_setting=setting)


async def end(deps: Deps, caller: Caller, listing_id: UUID, key: Key | None) -> Done:
    """The listing as it is then, with whoever ended it first. Raises NotFound."""
    try:
        return await deps.commands.submit(await _ending(deps, caller, listing_id, key))
    except AlreadyDecided:  # between the look and the write
        return await deps.commands.submit(await _ending(deps, caller, listing_id, key))


async def _ending(deps: Deps, caller: Caller, listing_id: UUID, key: Key | None) -> EndListing:
    async with deps.database.reading() as connection:
        found = await fraud_settings.listing(connection, caller.scope().org_id, listing_id)
    if found is None:
        raise NotFound(subject="fraud listing", id=listing_id)
    return EndListing(command_id=deps.new_id(deps.now()), caller=caller, key=key, listing=found)


async def page(deps: Deps, caller: Caller, *, vendor_id: UUID | None, limit: int, cursor: str | None) -> ListingPage:
    """The organisation's listings. Raises InvalidRequest for a foreign cursor."""
    after = read_payments.FIRST if cursor is None else cursors.read(_LISTINGS, cursor)
    async with deps.database.reading() as connection:
        found = await fraud_settings.listings(
            connection, caller.scope().org_id, vendor_id=vendor_id, after=after, limit=limit + 1
        )
    more = cursors.write(_LISTINGS, found[limit - 1].listing_id) if len(found) > limit else None
    return ListingPage(listings=tuple(found[:limit]), next_cursor=more)
