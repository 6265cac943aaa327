"""What waits for too long is escalated; what needs nobody is approved by the service itself."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.usecases.test_policies import ONE, under
from tests.usecases.world import ADMIN, OTHER_DISPATCHER, World, a_caller, a_new_payment, a_patch
from vendorpay.domain.lifecycle import PaymentStatus
from vendorpay.domain.roles import Role
from vendorpay.usecases import approve_automatically, escalate_approvals, read_payment

pytestmark = pytest.mark.anyio

ANN = a_caller(Role.DISPATCHER, "ann")
ONLY_ANN: dict[str, Any] = {
    "name": "ann's",
    "when": {"currencies": ["USD"]},
    "anyOf": [[{"people": ["ann"]}]],
    "escalation": {"afterHours": 4, "role": "admin"},
}


async def events_of(world: World, payment_id: UUID) -> list[str]:
    rows = world.rows("SELECT event_type FROM outbox WHERE aggregate_id = %s ORDER BY sequence", payment_id)
    return [row["event_type"] for row in rows]


async def test_after_its_hours_the_next_role_stands_in(ruled_world: World) -> None:
    """Origin 80: a payment that waits for one person who is away does not wait for ever."""
    await under(ruled_world, ONLY_ANN)
    payment = await ruled_world.create(a_new_payment())
    waiting = await ruled_world.approve(payment.payment_id, by=ADMIN)
    assert waiting.status is PaymentStatus.PENDING_APPROVAL
    await escalate_approvals.step(ruled_world.deps)
    assert await events_of(ruled_world, payment.payment_id) == ["PaymentCreated", "PaymentUpdated"]
    ruled_world.clock.advance(hours=4)
    for _ in range(2):
        await escalate_approvals.step(ruled_world.deps)
    assert (await events_of(ruled_world, payment.payment_id))[2:] == ["PaymentEscalated"]
    approved = await ruled_world.approve(payment.payment_id, by=a_caller(Role.ADMIN, "admin-2"))
    assert approved.status is PaymentStatus.APPROVED
    assert (await ruled_world.audit()).clean


async def test_new_content_waits_its_hours_anew(ruled_world: World) -> None:
    await under(ruled_world, ONLY_ANN)
    payment = await ruled_world.create(a_new_payment())
    ruled_world.clock.advance(hours=4)
    await escalate_approvals.step(ruled_world.deps)
    await ruled_world.update(payment.payment_id, a_patch(lines=[(1, 5)]))
    waiting = await ruled_world.approve(payment.payment_id, by=ADMIN)
    assert waiting.status is PaymentStatus.PENDING_APPROVAL
    (row,) = ruled_world.rows("SELECT escalate_at, escalated_at FROM payments")
    assert row["escalated_at"] is None
    assert row["escalate_at"] > ruled_world.clock() + timedelta(hours=3)
    assert (await ruled_world.approve(payment.payment_id, by=ANN)).status is PaymentStatus.APPROVED


async def test_what_is_decided_in_time_is_not_escalated(ruled_world: World) -> None:
    await under(ruled_world, ONLY_ANN)
    payment = await ruled_world.create(a_new_payment())
    await ruled_world.approve(payment.payment_id, by=ANN)
    ruled_world.clock.advance(hours=5)
    assert await escalate_approvals.step(ruled_world.deps) is False
    assert "PaymentEscalated" not in await events_of(ruled_world, payment.payment_id)


async def test_what_needs_nobody_is_approved_by_the_service_and_on_record(ruled_world: World) -> None:
    rule = {"name": "small", "effect": "auto_approve", "when": {"currencies": ["USD"], "maxAmountCents": 500}}
    await under(ruled_world, rule, {"name": "others", "when": {"currencies": ["USD"]}, "anyOf": ONE})
    small = await ruled_world.create(a_new_payment(lines=[(1, 500)]))
    large = await ruled_world.create(a_new_payment(lines=[(1, 501)]))
    held = await ruled_world.create(a_new_payment(lines=[(1, 7)]))
    await ruled_world.submit(ruled_world.hold(held.payment_id))
    assert await approve_automatically.step(ruled_world.deps) is False
    found = await read_payment.get(ruled_world.deps, ADMIN, small.payment_id)
    assert (found.status, found.approved_by) == (PaymentStatus.APPROVED, "system:policy")
    assert found.policy is not None
    assert (found.policy.rule, found.policy.open) == ("small", 0)
    for other in (large, held):
        waiting = await read_payment.get(ruled_world.deps, ADMIN, other.payment_id)
        assert waiting.status is PaymentStatus.PENDING_APPROVAL
    await ruled_world.submit(ruled_world.release(held.payment_id))
    await approve_automatically.step(ruled_world.deps)
    released = await read_payment.get(ruled_world.deps, ADMIN, held.payment_id)
    assert released.status is PaymentStatus.APPROVED
    assert (await ruled_world.audit()).clean


async def test_a_person_may_be_faster(ruled_world: World) -> None:
    await under(ruled_world, {"name": "small", "effect": "auto_approve", "when": {"currencies": ["USD"]}})
    payment = await ruled_world.create(a_new_payment())
    approved = await ruled_world.approve(payment.payment_id)
    assert (approved.status, approved.approved_by) == (PaymentStatus.APPROVED, OTHER_DISPATCHER.sub)
    assert await approve_automatically.step(ruled_world.deps) is False


async def test_an_approver_is_still_limited(ruled_world: World) -> None:
    limit = {"per": "approver", "period": "week", "currency": "USD", "maxAmountCents": 1000}
    rule = {"name": "small", "effect": "auto_approve", "when": {"currencies": ["USD"]}}
    await under(ruled_world, rule, limits=[limit])
    made = [await ruled_world.create(a_new_payment(lines=[(1, 400)])) for _ in range(3)]
    await approve_automatically.step(ruled_world.deps)
    statuses = [(await read_payment.get(ruled_world.deps, ADMIN, one.payment_id)).status for one in made]
    assert sorted(statuses) == ["approved", "approved", "pending_approval"]
