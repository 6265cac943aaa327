"""What waits for too long is escalated; what needs nobody is approved by the service itself."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.database import DatabaseUrls
from tests.usecases.test_policies import ONE, under
from tests.usecases.world import (
    ADMIN,
    ORG,
    OTHER_DISPATCHER,
    SERVICE,
    World,
    a_caller,
    a_new_payment,
    a_patch,
    open_world,
)
from vendorpay.adapters.embedded_fraud import EmbeddedFraud
from vendorpay.domain.lifecycle import PaymentStatus
from vendorpay.domain.roles import Role
from vendorpay.store import policies, read_payments
from vendorpay.usecases import approve_automatically, escalate_approvals, read_payment, score_payment
from vendorpay.usecases.escalate_approvals import EscalatePayment

pytestmark = pytest.mark.anyio

ANN = a_caller(Role.DISPATCHER, "ann")
ONLY_ANN: dict[str, Any] = {
    "name": "ann's",
    "when": {"currencies": ["USD"]},
    "anyOf": [[{"people": ["ann"]}]],
    "escalation": {"afterHours": 4, "role": "admin"},
}
NEEDS_NOBODY: dict[str, Any] = {"name": "small", "effect": "auto_approve", "when": {"currencies": ["USD"]}}


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


async def test_a_timer_whose_clock_is_ahead_delays_nobody_who_stands_in(ruled_world: World) -> None:
    """From the rule's hour on they count, and not from that of the wrong clock."""
    await under(ruled_world, ONLY_ANN)
    payment = await ruled_world.create(a_new_payment())
    ruled_world.clock.advance(hours=9)
    await escalate_approvals.step(ruled_world.deps)
    assert "PaymentEscalated" in await events_of(ruled_world, payment.payment_id)
    ruled_world.clock.advance(hours=-6)
    early = await ruled_world.approve(payment.payment_id, by=ADMIN)
    assert early.status is PaymentStatus.PENDING_APPROVAL, "the hours that the rule gives ann are not over"
    ruled_world.clock.advance(hours=1)
    approved = await ruled_world.approve(payment.payment_id, by=a_caller(Role.ADMIN, "admin-2"))
    assert approved.status is PaymentStatus.APPROVED
    assert (await ruled_world.audit()).clean


async def test_what_was_approved_by_a_clock_that_was_ahead_does_not_stand_in_later(ruled_world: World) -> None:
    """Else the payment would lack nobody, and wait for ever: nothing looks at it again."""
    await under(ruled_world, ONLY_ANN)
    payment = await ruled_world.create(a_new_payment())
    ruled_world.clock.advance(hours=6)
    await ruled_world.approve(payment.payment_id, by=ADMIN)
    ruled_world.clock.advance(hours=-1)
    for hours, escalated in ((0, False), (0.5, False), (1, True)):
        ruled_world.clock.advance(hours=hours)
        async with ruled_world.database.reading() as connection:
            due = await policies.overdue(connection, now=ruled_world.clock(), limit=1)
        assert bool(due) is escalated, "what is not due is not looked at each minute"
        await ruled_world.submit(
            EscalatePayment(command_id=ruled_world.new_command_id(), caller=SERVICE, payment_id=payment.payment_id)
        )
        waiting = await read_payment.get(ruled_world.deps, ADMIN, payment.payment_id)
        assert waiting.status is PaymentStatus.PENDING_APPROVAL
        assert waiting.policy is not None
        assert waiting.policy.open == 1
        assert ("PaymentEscalated" in await events_of(ruled_world, payment.payment_id)) is escalated
    approved = await ruled_world.approve(payment.payment_id, by=a_caller(Role.ADMIN, "admin-2"))
    assert approved.status is PaymentStatus.APPROVED
    assert (await ruled_world.audit()).clean


async def test_a_clock_that_jumps_back_escalates_nothing_twice_and_new_content_by_its_own_hours(
    ruled_world: World,
) -> None:
    await under(ruled_world, ONLY_ANN)
    payment = await ruled_world.create(a_new_payment())
    ruled_world.clock.advance(hours=-30)
    await escalate_approvals.step(ruled_world.deps)
    ruled_world.clock.advance(hours=35)
    for hours in (0, -20, 40):
        ruled_world.clock.advance(hours=hours)
        assert await escalate_approvals.step(ruled_world.deps) is False
    assert (await events_of(ruled_world, payment.payment_id)).count("PaymentEscalated") == 1
    ruled_world.clock.advance(hours=-50)
    await ruled_world.update(payment.payment_id, a_patch(lines=[(1, 5)]))
    for hours, times in ((3, 1), (1, 2), (-10, 2)):
        ruled_world.clock.advance(hours=hours)
        await escalate_approvals.step(ruled_world.deps)
        assert (await events_of(ruled_world, payment.payment_id)).count("PaymentEscalated") == times
    assert (await ruled_world.audit()).clean


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


async def test_what_somebody_undid_is_left_to_people(ruled_world: World) -> None:
    """Origin 80: undo would stop nothing, if the service approved again a second later."""
    await under(ruled_world, NEEDS_NOBODY)
    payment = await ruled_world.create(a_new_payment())
    await approve_automatically.step(ruled_world.deps)
    await ruled_world.submit(ruled_world.undoing(payment.payment_id))
    await approve_automatically.step(ruled_world.deps)
    waiting = await read_payment.get(ruled_world.deps, ADMIN, payment.payment_id)
    assert waiting.status is PaymentStatus.PENDING_APPROVAL
    await ruled_world.update(payment.payment_id, a_patch(lines=[(1, 5)]))
    await approve_automatically.step(ruled_world.deps)
    edited = await read_payment.get(ruled_world.deps, ADMIN, payment.payment_id)
    assert edited.approved_by == "system:policy", "it is another content"


async def test_what_no_limit_has_room_for_is_not_tried_until_the_next_period(ruled_world: World) -> None:
    """Each try would be a transaction of its own, every second."""
    limits = [
        {"per": "approver", "period": "week", "currency": "USD", "maxAmountCents": 1000},
        {"per": "vendor", "period": "day", "currency": "USD", "maxAmountCents": 500},
    ]
    await under(ruled_world, NEEDS_NOBODY, limits=limits)
    vendor = uuid4()
    for cents in (400, 101, 100):
        await ruled_world.create(a_new_payment(lines=[(1, cents)], vendor_id=vendor))
    for cents in (500, 501, 50):
        await ruled_world.create(a_new_payment(lines=[(1, cents)]))
    await approve_automatically.step(ruled_world.deps)
    assert await approved_amounts(ruled_world) == [400, 100, 500]
    async with ruled_world.database.reading() as connection:
        tried = await policies.automatic(connection, now=ruled_world.clock(), after=read_payments.FIRST, limit=10)
    assert tried == []
    ruled_world.clock.advance(days=7)
    await approve_automatically.step(ruled_world.deps)
    assert await approved_amounts(ruled_world) == [400, 101, 100, 500, 50]


async def approved_amounts(world: World) -> list[int]:
    rows = world.rows("SELECT amount_cents FROM payments WHERE status = 'approved' ORDER BY payment_id")
    return [row["amount_cents"] for row in rows]


async def test_each_fraud_status_has_its_own_hours(database_urls: DatabaseUrls) -> None:
    """The hours of what was risky are not those of what turned out harmless."""
    risky = {**ONLY_ANN, "name": "risky", "when": {"fraudStatuses": ["high_risk", "flagged"]}}
    slow = {**ONLY_ANN, "escalation": {"afterHours": 48, "role": "admin"}}
    async with open_world(database_urls, by_policy=True, fraud_provider=EmbeddedFraud()) as world:
        await under(world, risky, slow)
        payment = await world.create(a_new_payment())
        score = await score_payment.scored(world.deps, ORG, payment.payment_id, None)
        assert score is not None
        await world.submit(score)
        for hours, escalated in ((47, False), (1, True)):
            world.clock.advance(hours=hours)
            await escalate_approvals.step(world.deps)
            early = EscalatePayment(command_id=world.new_command_id(), caller=SERVICE, payment_id=payment.payment_id)
            await world.submit(early)
            assert ("PaymentEscalated" in await events_of(world, payment.payment_id)) is escalated
