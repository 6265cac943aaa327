"""A delegation is given, or ended, while its delegate approves, in two processes."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from random import Random

import pytest

from tests.usecases.test_delegations import end, give
from tests.usecases.world import ADMIN, OTHER_DISPATCHER, World, a_new_payment, payment_in, rounds, seeded
from vendorpay.domain.errors import Forbidden
from vendorpay.domain.lifecycle import PaymentStatus
from vendorpay.domain.payment import Payment
from vendorpay.usecases.command import Done

pytestmark = pytest.mark.anyio
Worlds = tuple[World, World]

PAYMENTS = 6
SOME = 5_000_00
"""Two people, or one admin."""
DAY = timedelta(days=1)
ABOUT_S = 0.015


async def test_an_approval_in_anothers_name_counts_between_the_gift_and_its_end_and_at_no_other_time(
    ruled_worlds: Worlds,
) -> None:
    chance = seeded("delegations")
    one, two = ruled_worlds
    for _ in range(rounds(quick=3, soak=200)):
        two.clock.at = one.clock.at
        made = [await one.create(a_new_payment(lines=[(1, SOME)])) for _ in range(3 * PAYMENTS)]
        early, late, afterwards = made[:PAYMENTS], made[PAYMENTS : 2 * PAYMENTS], made[2 * PAYMENTS :]

        begins = one.clock.at - timedelta(minutes=1)
        given, ended = await asyncio.gather(
            give(one, to=OTHER_DISPATCHER, by=ADMIN, starts_at=begins, ends_at=begins + DAY),
            all_in_the_name_of_the_admin(chance, ruled_worlds, early),
        )
        counted = all_done_or_forbidden(ended)
        again = [each for each, was_done in zip(early, counted, strict=True) if not was_done]
        now_allowed = [await in_the_name_of_the_admin(chance, ruled_worlds, each) for each in again]
        assert all(all_done_or_forbidden(now_allowed)), "whoever begins after the gift may"

        over, ended = await asyncio.gather(
            end(chance.choice(ruled_worlds), given), all_in_the_name_of_the_admin(chance, ruled_worlds, late)
        )
        assert over.ended_by == ADMIN.sub
        counted += [True] * len(again) + all_done_or_forbidden(ended)
        refused = [await in_the_name_of_the_admin(chance, ruled_worlds, each) for each in afterwards]
        assert not any(all_done_or_forbidden(refused)), "whoever begins after the end may not"
        assert sum(counted) == approvals_of(one, made)
    report = await one.audit()
    assert report.clean, report.faults


async def in_the_name_of_the_admin(chance: Random, worlds: Worlds, payment: Payment) -> Done | Exception:
    world = chance.choice(worlds)
    await asyncio.sleep(chance.uniform(0, ABOUT_S))
    command = world.approval(payment.payment_id, by=OTHER_DISPATCHER, on_behalf_of=ADMIN.sub)
    try:
        return await world.submit(command)
    except Forbidden as refused:
        return refused


async def all_in_the_name_of_the_admin(
    chance: Random, worlds: Worlds, payments: Sequence[Payment]
) -> list[Done | Exception]:
    return await asyncio.gather(*(in_the_name_of_the_admin(chance, worlds, each) for each in payments))


def all_done_or_forbidden(ended: Sequence[Done | Exception]) -> list[bool]:
    """Which were done; a done one approved its payment alone, as an admin does."""
    for each in ended:
        if isinstance(each, Done):
            payment = payment_in(each)
            (approval,) = payment.approvals
            assert payment.status is PaymentStatus.APPROVED
            assert (approval.approver_id, approval.on_behalf_of) == (OTHER_DISPATCHER.sub, ADMIN.sub)
            assert approval.role == ADMIN.role
    return [isinstance(each, Done) for each in ended]


def approvals_of(world: World, payments: Sequence[Payment]) -> int:
    """How many approvals these payments have."""
    ids = [payment.payment_id for payment in payments]
    found = world.rows("SELECT count(*) AS n FROM approvals WHERE payment_id = ANY (%s) AND voided_at IS NULL", ids)
    return int(found[0]["n"])
