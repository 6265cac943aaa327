"""Trust in a vendor waits for a second person, who comes in time or not at all."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import msgspec
import pytest

from tests.usecases.test_policies import OTHER_ADMIN
from tests.usecases.world import ADMIN, World
from vendorpay.domain.errors import FourEyes, FraudListingOver
from vendorpay.domain.fraud_cases import CaseReason
from vendorpay.domain.fraud_listing import Listing, ListingKind
from vendorpay.domain.new_listing import NewListing
from vendorpay.domain.roles import Caller
from vendorpay.usecases.fraud_listings import ConfirmListing, EndListing, ListVendor

pytestmark = pytest.mark.anyio


async def trusted(world: World) -> UUID:
    """A listing by ADMIN, for a day."""
    new = NewListing(
        vendor_id=uuid4(),
        kind=ListingKind.ALLOW,
        reason_code=CaseReason.VERIFIED_WITH_VENDOR,
        expires_at=world.clock.at + timedelta(days=1),
    )
    done = await world.submit(ListVendor(command_id=world.new_command_id(), caller=ADMIN, new=new))
    return msgspec.json.decode(done.answer, type=Listing).listing_id


async def confirm(world: World, listing_id: UUID, by: Caller) -> str | None:
    command = ConfirmListing(command_id=world.new_command_id(), caller=by, listing_id=listing_id)
    return msgspec.json.decode((await world.submit(command)).answer, type=Listing).confirmed_by


async def test_who_listed_a_vendor_does_not_confirm_it_and_who_does_may_say_so_twice(world: World) -> None:
    """One person alone trusts nobody."""
    listing_id = await trusted(world)
    with pytest.raises(FourEyes):
        await confirm(world, listing_id, ADMIN)
    assert [await confirm(world, listing_id, OTHER_ADMIN) for _ in range(2)] == [OTHER_ADMIN.sub] * 2
    assert (await world.audit()).clean


async def test_what_has_ended_or_expired_is_confirmed_no_more(world: World) -> None:
    ended, expired = await trusted(world), await trusted(world)
    await world.submit(EndListing(command_id=world.new_command_id(), caller=ADMIN, listing_id=ended))
    with pytest.raises(FraudListingOver):
        await confirm(world, ended, OTHER_ADMIN)
    world.clock.advance(days=1)
    with pytest.raises(FraudListingOver):
        await confirm(world, expired, OTHER_ADMIN)
    assert (await world.audit()).clean
