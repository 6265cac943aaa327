"""A payment is approved by the people that its rule asks for, and by nobody else."""

from typing import Any

import pytest

from tests.usecases.world import (
    ADMIN,
    DISPATCHER,
    OTHER_DISPATCHER,
    SERVICE,
    World,
    a_caller,
    a_new_payment,
    a_patch,
    payment_in,
    work_completed,
)
from vendorpay.domain.errors import AlreadyDecided, FourEyes, LimitExceeded
from vendorpay.domain.lifecycle import PaymentStatus
from vendorpay.domain.payment import Payment
from vendorpay.domain.roles import Role
from vendorpay.usecases import record_event

pytestmark = pytest.mark.anyio

SMALL, MIDDLE, LARGE = 1_000_00, 10_000_00, 10_000_01
OTHER_ADMIN = a_caller(Role.ADMIN, "admin-2")
THIRD_DISPATCHER = a_caller(Role.DISPATCHER, "dispatcher-3")


async def of(world: World, cents: int, **fields: Any) -> Payment:
    """A payment of so much."""
    return await world.create(a_new_payment(lines=[(1, cents)], **fields))


def rule_of(payment: Payment) -> tuple[int, str, int, int]:
    """Version and name of its rule, what it lacks, and how many approvals it takes."""
    assert payment.policy is not None
    return payment.policy.version, payment.policy.rule, payment.policy.open, payment.required_approvals


async def test_the_rule_and_its_open_steps_are_shown(ruled_world: World) -> None:
    """Origin 52: one approval for any amount; peers ask 12."""
    small, middle, large = [await of(ruled_world, cents) for cents in (SMALL, MIDDLE, LARGE)]
    assert rule_of(small) == (0, "up to 1,000.00", 1, 1)
    assert rule_of(middle) == (0, "up to 10,000.00", 2, 2)
    assert rule_of(large) == (0, "above, or in another currency", 2, 2)
    assert large.policy is not None
    assert [(step.role, step.quorum, step.given) for step in large.policy.steps] == [
        ("admin", 1, 0),
        ("dispatcher", 1, 0),
    ]


async def test_a_small_amount_takes_one_person(ruled_world: World) -> None:
    approved = await ruled_world.approve((await of(ruled_world, SMALL)).payment_id)
    assert (approved.status, approved.required_approvals) == (PaymentStatus.APPROVED, 1)


async def test_a_middle_one_takes_two_people_or_one_admin(ruled_world: World) -> None:
    by_two = (await of(ruled_world, MIDDLE)).payment_id
    first = await ruled_world.approve(by_two)
    assert (first.status, rule_of(first)[2:]) == (PaymentStatus.PENDING_APPROVAL, (1, 2))
    assert (await ruled_world.approve(by_two, by=THIRD_DISPATCHER)).status is PaymentStatus.APPROVED
    by_admin = await ruled_world.approve((await of(ruled_world, MIDDLE)).payment_id, by=ADMIN)
    assert (by_admin.status, rule_of(by_admin)[2:]) == (PaymentStatus.APPROVED, (0, 1))


async def test_a_large_one_is_not_approved_by_any_number_of_dispatchers(ruled_world: World) -> None:
    payment_id = (await of(ruled_world, LARGE)).payment_id
    for n in range(2, 5):
        waiting = await ruled_world.approve(payment_id, by=a_caller(Role.DISPATCHER, f"dispatcher-{n}"))
        assert (waiting.status, rule_of(waiting)[2]) == (PaymentStatus.PENDING_APPROVAL, 1)
    approved = await ruled_world.approve(payment_id, by=ADMIN)
    assert (approved.status, approved.approved_by) == (PaymentStatus.APPROVED, ADMIN.sub)
    assert (await ruled_world.audit()).clean


async def test_approvals_that_nobody_asked_for_leave_room_for_those_that_are_needed(ruled_world: World) -> None:
    payment_id = (await of(ruled_world, LARGE)).payment_id
    for n in range(2, 21):
        await ruled_world.approve(payment_id, by=a_caller(Role.DISPATCHER, f"dispatcher-{n}"))
    with pytest.raises(LimitExceeded):
        await ruled_world.approve(payment_id, by=a_caller(Role.DISPATCHER, "dispatcher-21"))
    assert (await ruled_world.approve(payment_id, by=ADMIN)).status is PaymentStatus.APPROVED


async def test_the_creator_is_not_one_of_two_people(ruled_world: World) -> None:
    """Origin 52, peers ask 11: whoever asks for money does not approve it."""
    payment_id = (await of(ruled_world, MIDDLE)).payment_id
    await ruled_world.approve(payment_id)
    with pytest.raises(FourEyes):
        await ruled_world.approve(payment_id, by=DISPATCHER)


async def test_an_edit_across_a_tier_chooses_the_rule_anew_and_voids(ruled_world: World) -> None:
    payment = await of(ruled_world, SMALL)
    await ruled_world.approve(payment.payment_id)
    edited = await ruled_world.update(payment.payment_id, a_patch(lines=[(1, LARGE)]))
    assert rule_of(edited) == (0, "above, or in another currency", 2, 2)
    assert (edited.status, edited.approvals) == (PaymentStatus.PENDING_APPROVAL, ())
    one = await ruled_world.approve(payment.payment_id, by=THIRD_DISPATCHER)
    assert one.status is PaymentStatus.PENDING_APPROVAL
    back = await ruled_world.update(payment.payment_id, a_patch(lines=[(1, SMALL)]), by=OTHER_DISPATCHER)
    assert rule_of(back) == (0, "up to 1,000.00", 1, 1)
    actions = [row["action"] for row in ruled_world.rows("SELECT action FROM payment_audit_log ORDER BY seq")]
    assert actions.count("approval_voided") == 2
    assert (await ruled_world.audit()).clean


async def test_metadata_leaves_the_rule_alone(ruled_world: World) -> None:
    payment = await of(ruled_world, MIDDLE)
    await ruled_world.approve(payment.payment_id)
    edited = await ruled_world.update(payment.payment_id, a_patch(metadata={"note": 1}))
    assert rule_of(edited) == (0, "up to 10,000.00", 1, 2)


async def test_an_undone_approval_never_leaves_a_payment_that_has_all_it_needs(ruled_world: World) -> None:
    payment_id = (await of(ruled_world, MIDDLE)).payment_id
    await ruled_world.approve(payment_id)
    await ruled_world.approve(payment_id, by=ADMIN)
    undone = payment_in(await ruled_world.submit(ruled_world.undoing(payment_id)))
    assert (undone.status, undone.approvals, rule_of(undone)[2]) == (PaymentStatus.PENDING_APPROVAL, (), 2)
    assert (await ruled_world.approve(payment_id, by=ADMIN)).status is PaymentStatus.APPROVED


async def test_one_of_two_approvals_is_undone_alone(ruled_world: World) -> None:
    payment_id = (await of(ruled_world, LARGE)).payment_id
    await ruled_world.approve(payment_id)
    await ruled_world.approve(payment_id, by=ADMIN)
    undone = payment_in(await ruled_world.submit(ruled_world.undoing(payment_id, by=ADMIN)))
    assert [one.approver_id for one in undone.approvals] == [OTHER_DISPATCHER.sub]
    assert (await ruled_world.approve(payment_id, by=OTHER_ADMIN)).status is PaymentStatus.APPROVED


async def test_a_consumed_event_gets_its_rule_too(ruled_world: World) -> None:
    recorded = await record_event.record(ruled_world.deps, SERVICE, [work_completed()], None)
    payment_id = recorded.results[0].payment_id
    assert payment_id is not None
    (row,) = ruled_world.rows("SELECT approval_rule FROM payments")
    assert (row["approval_rule"]["rule"], row["approval_rule"]["source"]) == ("up to 1,000.00", "event")
    assert (await ruled_world.approve(payment_id)).status is PaymentStatus.APPROVED
    with pytest.raises(AlreadyDecided):
        await ruled_world.approve(payment_id, by=ADMIN)


async def test_a_drivers_payment_has_no_rule(ruled_world: World) -> None:
    event = work_completed(detail={"payerType": "driver_ic", "driverId": "019c0000-0000-7000-8000-00000000000d"})
    await record_event.record(ruled_world.deps, SERVICE, [event], None)
    assert ruled_world.rows("SELECT approval_rule, required_approvals FROM payments") == [
        {"approval_rule": None, "required_approvals": 0}
    ]


async def test_a_plain_number_replaces_the_rule_of_content_that_is_edited_under_it(
    ruled_world: World, world: World
) -> None:
    """The setting may be given back its say: an old rule of a small amount must not approve a large one."""
    payment = await of(ruled_world, SMALL)
    edited = await world.update(payment.payment_id, a_patch(lines=[(1, LARGE)]))
    assert (edited.policy, edited.required_approvals) == (None, 1)
