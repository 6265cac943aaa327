"""Many approve under one limit while others cancel, reject and undo: used is what stands, and never too much."""

import asyncio
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.usecases.test_limits import BY_TWO, a_limit, at_noon
from tests.usecases.test_policies import under
from tests.usecases.world import ADMIN, World, a_caller, a_new_payment, rounds, seeded
from vendorpay.domain.errors import AlreadyApproved, AlreadyDecided, ApprovalLimitExceeded, InvalidTransition
from vendorpay.domain.roles import Role
from vendorpay.usecases.command import Command

pytestmark = pytest.mark.anyio
Worlds = tuple[World, World]

PEOPLE = tuple(a_caller(Role.DISPATCHER, f"person-{number}") for number in range(3))
VENDORS = tuple(uuid4() for _ in range(2))
EXPECTED = AlreadyApproved | AlreadyDecided | ApprovalLimitExceeded | InvalidTransition
LIMITS = [a_limit("approver", "day", 3_000), a_limit("vendor", "week", 4_000)]
USED = "SELECT subject_type, subject_id, used_cents, max_cents FROM limit_usage WHERE used_cents > 0"
STANDING = """
SELECT 'approver' AS subject_type, a.approver_id AS subject_id, sum(p.amount_cents)::bigint AS cents
FROM approvals a JOIN payments p USING (payment_id)
WHERE a.voided_at IS NULL AND p.status IN ('pending_approval', 'approved') GROUP BY 1, 2
UNION ALL
SELECT 'vendor', p.vendor_id::text, sum(p.amount_cents)::bigint FROM payments p WHERE p.status = 'approved'
GROUP BY 1, 2"""


def assert_counted(world: World) -> None:
    used = world.rows(USED)
    assert all(row["used_cents"] <= row["max_cents"] for row in used)
    counted = {(row["subject_type"], row["subject_id"]): row["used_cents"] for row in used}
    assert counted == {(row["subject_type"], row["subject_id"]): row["cents"] for row in world.rows(STANDING)}


@pytest.mark.timeout(600)  # of a soak, where others use the machine too
async def test_what_ends_gives_back_once_whatever_races_for_the_room(ruled_worlds: Worlds) -> None:
    """Rule 9: a cancellation and an approval take turns at the limit's row, in whichever process they are."""
    chance = seeded("given back")
    one, _ = ruled_worlds
    for world in ruled_worlds:
        await at_noon(world)
    await under(one, BY_TWO, limits=LIMITS)
    for _ in range(rounds(quick=4, soak=200)):
        made = [(await one.create(small(chance))).payment_id for _ in range(6)]
        acts = [act(chance, chance.choice(ruled_worlds), payment_id) for payment_id in made for _ in range(5)]
        ended = await asyncio.wait_for(asyncio.gather(*acts, return_exceptions=True), 30)
        refused = [each for each in ended if isinstance(each, BaseException)]
        assert all(isinstance(each, EXPECTED) for each in refused), refused
        assert_counted(one)
        gone = [chance.choice(ruled_worlds).submit(one.cancellation(payment_id)) for payment_id in made]
        await asyncio.wait_for(asyncio.gather(*gone, return_exceptions=True), 30)
        assert one.rows(USED) == [], "there is room for everything again"
    report = await one.audit()
    assert report.clean, report.faults


def small(chance: Random) -> Any:
    return a_new_payment(lines=[(1, chance.randrange(300, 1_500))], vendor_id=chance.choice(VENDORS))


async def act(chance: Random, world: World, payment_id: UUID) -> object:
    """Mostly an approval; else an end, or a step back."""
    commands: list[Command] = [
        *[world.approval(payment_id, by=chance.choice(PEOPLE)) for _ in range(5)],
        world.cancellation(payment_id),
        world.rejection(payment_id, by=ADMIN),
        world.undoing(payment_id, by=ADMIN),
    ]
    return await world.submit(chance.choice(commands))
