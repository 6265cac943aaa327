"""The clocks of two processes jump to and fro by hours, over midnights, while people work: nothing breaks, and what is
counted by day and week, or lasts until a time, is right by the time that each change has on record."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.usecases.test_delegations import end, give
from tests.usecases.test_limits import a_limit
from tests.usecases.test_policies import under
from tests.usecases.world import ADMIN, DISPATCHER, World, a_caller, a_new_payment, a_patch, rounds, seeded
from vendorpay.domain.errors import (
    AlreadyApproved,
    AlreadyDecided,
    ApprovalLimitExceeded,
    Forbidden,
    FourEyes,
    InvalidTransition,
    PaymentHeld,
)
from vendorpay.domain.roles import Role
from vendorpay.usecases import escalate_approvals

pytestmark = pytest.mark.anyio
Worlds = tuple[World, World]

PEOPLE = tuple(a_caller(Role.DISPATCHER, f"person-{number}") for number in range(4))
VENDORS = tuple(uuid4() for _ in range(2))
JUMP_H_MAX = 30
STEPS = 12
AT_ONCE = 5
ESCALATES: dict[str, Any] = {
    "name": "escalates",
    "when": {"currencies": ["USD"]},
    "anyOf": [[{"people": [person.sub for person in PEOPLE[:2]]}]],
    "escalation": {"afterHours": 4, "role": "dispatcher"},
}
LIMITS = [a_limit("approver", "day", 3_000), a_limit("vendor", "week", 9_000)]
EXPECTED = (
    AlreadyApproved | AlreadyDecided | ApprovalLimitExceeded | Forbidden | FourEyes | InvalidTransition | PaymentHeld
)
USED = "SELECT subject_type, subject_id, period_start, used_cents, max_cents FROM limit_usage WHERE used_cents > 0"
TAKEN = """
SELECT 'approver' AS subject_type, a.approver_id AS subject_id,
       date_trunc('day', a.approved_at AT TIME ZONE 'UTC')::date AS period_start, sum(p.amount_cents)::bigint AS cents
FROM approvals a JOIN payments p USING (payment_id)
WHERE a.voided_at IS NULL AND p.status <> 'cancelled' GROUP BY 1, 2, 3
UNION ALL
SELECT 'vendor', p.vendor_id::text, date_trunc('week', p.approved_at AT TIME ZONE 'UTC')::date,
       sum(p.amount_cents)::bigint
FROM payments p WHERE p.approved_at IS NOT NULL AND p.status <> 'cancelled' GROUP BY 1, 2, 3"""
UNCOVERED = """
SELECT a.payment_id FROM approvals a WHERE a.on_behalf_of IS NOT NULL AND NOT EXISTS (
    SELECT FROM delegations d WHERE d.delegator_id = a.on_behalf_of AND d.delegate_id = a.approver_id
                                AND a.approved_at >= d.starts_at AND a.approved_at < d.ends_at)"""


LEFT_WAITING = """
SELECT p.payment_id FROM payments p WHERE p.status = 'pending_approval' AND approval_rule_satisfied(p)"""


@pytest.mark.timeout(600)  # of a soak, where others use the machine too
async def test_what_people_do_while_clocks_jump_is_counted_by_the_time_it_has_on_record(ruled_worlds: Worlds) -> None:
    chance = seeded("clocks")
    one, _ = ruled_worlds
    noon = datetime.now(UTC).replace(hour=12)
    for world in ruled_worlds:
        world.clock.at = noon
    await under(one, ESCALATES, limits=LIMITS)
    for _ in range(rounds(quick=2, soak=200)):
        made = [(await chance.choice(ruled_worlds).create(small(chance))).payment_id for _ in range(AT_ONCE)]
        given = await give(one, to=PEOPLE[0], by=PEOPLE[1], ends_at=one.clock.at + timedelta(hours=6))
        for _ in range(STEPS):
            for world in ruled_worlds:
                world.clock.at = noon + timedelta(hours=chance.uniform(-JUMP_H_MAX, JUMP_H_MAX))
            acts = [act(chance, ruled_worlds, payment_id) for payment_id in made]
            escalating = [escalate_approvals.step(world.deps) for world in ruled_worlds]
            ended = await asyncio.gather(*acts, *escalating, return_exceptions=True)
            refused = [each for each in ended if isinstance(each, BaseException)]
            assert all(isinstance(each, EXPECTED) for each in refused), refused
        await end(chance.choice(ruled_worlds), given, by=PEOPLE[1])
        assert_counted(one)
    report = await one.audit()
    assert report.clean, report.faults


def small(chance: Random) -> Any:
    return a_new_payment(lines=[(1, chance.randrange(300, 1_200))], vendor_id=chance.choice(VENDORS))


async def act(chance: Random, worlds: Sequence[World], payment_id: UUID) -> object:
    """One of the things that people do about a payment."""
    world, person = chance.choice(worlds), chance.choice(PEOPLE)
    behalf = PEOPLE[1].sub if person is PEOPLE[0] and chance.random() < 0.5 else None
    acts: list[Callable[[], Any]] = [
        *[lambda: world.submit(world.approval(payment_id, by=person, on_behalf_of=behalf))] * 6,
        lambda: world.submit(world.undoing(payment_id, by=person)),
        lambda: world.submit(world.undoing(payment_id, by=ADMIN)),
        lambda: world.update(payment_id, a_patch(lines=[(1, chance.randrange(300, 1_200))]), by=DISPATCHER),
        lambda: world.submit(world.cancellation(payment_id)),
        lambda: world.submit(world.hold(payment_id, by=person)),
        lambda: world.submit(world.release(payment_id, by=person)),
    ]
    return await chance.choice(acts)()


def assert_counted(world: World) -> None:
    """What is taken of each limit is what the approvals that stand took, on the days and weeks that they have on
    record; and whoever approved in another's name had that name at that time."""
    used = world.rows(USED)
    assert all(row["used_cents"] <= row["max_cents"] for row in used)
    counted = {(row["subject_type"], row["subject_id"], row["period_start"]): row["used_cents"] for row in used}
    taken = {(row["subject_type"], row["subject_id"], row["period_start"]): row["cents"] for row in world.rows(TAKEN)}
    assert counted == taken
    assert not world.rows(UNCOVERED)
    assert not world.rows(LEFT_WAITING), "nothing that lacks nobody waits"
