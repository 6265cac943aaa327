"""A vendor is blocked, and unblocked, while its payments are scored, in two processes."""

import asyncio
from collections.abc import Sequence
from random import Random
from uuid import UUID, uuid4

import msgspec
import pytest

from tests.usecases.world import ADMIN, ORG, World, a_new_payment, rounds, seeded
from vendorpay.domain.fraud_cases import CaseReason
from vendorpay.domain.fraud_listing import Listing, ListingKind
from vendorpay.domain.new_listing import NewListing
from vendorpay.domain.payment import Payment
from vendorpay.domain.vendor_standing import BLOCKED
from vendorpay.usecases import read_payment, score_payment
from vendorpay.usecases.fraud_listings import EndListing, ListVendor

pytestmark = pytest.mark.anyio
Worlds = tuple[World, World]

PAYMENTS = 5
ABOUT_S = 0.02
SCORES = "SELECT payment_id FROM fraud_scores WHERE payment_id = ANY (%s) AND NOT shadow"


async def test_a_score_heeds_the_block_or_not_and_each_later_one_does_what_it_says(gated_worlds: Worlds) -> None:
    chance = seeded("listings")
    one, _ = gated_worlds
    for _ in range(rounds(quick=2, soak=200)):
        vendor = uuid4()
        early = [await small(one, vendor) for _ in range(PAYMENTS)]
        listing, _ = await asyncio.gather(
            block(chance.choice(gated_worlds), vendor), scored(chance, gated_worlds, early)
        )
        assert flagged_for_the_block(await shown(one, early)) <= {True, False}
        later = [await small(one, vendor) for _ in range(PAYMENTS)]
        await scored(chance, gated_worlds, later)
        assert flagged_for_the_block(await shown(one, later)) == {True}, "whoever scores after the answer heeds it"

        racing = [await small(one, vendor) for _ in range(PAYMENTS)]
        ending = EndListing(command_id=one.new_command_id(), caller=ADMIN, listing_id=listing.listing_id)
        await asyncio.gather(chance.choice(gated_worlds).submit(ending), scored(chance, gated_worlds, racing))
        flagged_for_the_block(await shown(one, racing))
        last = [await small(one, vendor)]
        await scored(chance, gated_worlds, last)
        assert flagged_for_the_block(await shown(one, last)) == {False}

        ids = sorted(each.payment_id for each in (*early, *later, *racing, *last))
        assert sorted(row["payment_id"] for row in one.rows(SCORES, ids)) == ids, "each is scored once, by whoever"
    assert (await one.audit()).clean


async def small(world: World, vendor_id: UUID) -> Payment:
    return await world.create(a_new_payment(vendor_id=vendor_id, lines=[(1, 8_000)]))


async def block(world: World, vendor_id: UUID) -> Listing:
    await asyncio.sleep(ABOUT_S / 2)
    new = NewListing(vendor_id=vendor_id, kind=ListingKind.BLOCK, reason_code=CaseReason.OTHER)
    done = await world.submit(ListVendor(command_id=world.new_command_id(), caller=ADMIN, new=new))
    return msgspec.json.decode(done.answer, type=Listing)


async def scored(chance: Random, worlds: Worlds, payments: Sequence[Payment]) -> None:
    """Every payment by both processes, at moments of their own."""

    async def score(world: World, payment: Payment) -> None:
        await asyncio.sleep(chance.uniform(0, ABOUT_S))
        command = await score_payment.scored(world.deps, ORG, payment.payment_id, None)
        if command is not None:
            await world.submit(command)

    await asyncio.gather(*(score(world, payment) for payment in payments for world in worlds))


async def shown(world: World, payments: Sequence[Payment]) -> list[Payment]:
    return [await read_payment.get(world.deps, ADMIN, payment.payment_id) for payment in payments]


def flagged_for_the_block(payments: Sequence[Payment]) -> set[bool]:
    """Which there are: a payment is flagged, and says that its vendor is blocked; or neither of it."""
    found = set()
    for payment in payments:
        is_blocked = BLOCKED in {reason.code for reason in payment.fraud_reasons}
        assert payment.fraud_status is not None
        assert (payment.fraud_status == "flagged") == is_blocked
        found.add(is_blocked)
    return found
