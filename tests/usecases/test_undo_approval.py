"""Undoing an approval: one's own while it waits, one's own or everybody's once it is approved; then it waits again."""

from typing import Any
from uuid import UUID

import pytest

from tests.usecases.tampering import attacking, drop_checks
from tests.usecases.test_policies import under
from tests.usecases.world import (
    ADMIN,
    DISPATCHER,
    OTHER_DISPATCHER,
    World,
    a_caller,
    a_new_payment,
    payment_in,
)
from vendorpay.domain.errors import AlreadyApproved, InvalidTransition
from vendorpay.domain.payment import PayerType, Payment
from vendorpay.domain.roles import Role
from vendorpay.usecases import read_audit_log, read_payment

pytestmark = pytest.mark.anyio

ANN = a_caller(Role.DISPATCHER, "ann")


async def undone(world: World, payment_id: UUID, **fields: Any) -> Payment:
    return payment_in(await world.submit(world.undoing(payment_id, **fields)))


async def test_fault_80_an_approval_can_be_taken_back_and_given_again(world: World) -> None:
    """Origin 80: an approval by mistake could only be watched as it was paid."""
    made = await world.create()
    await world.approve(made.payment_id, notes="fine")
    back = await undone(world, made.payment_id, notes="the wrong incident")
    assert (back.status, back.approvals, back.approved_by, back.approved_at) == ("pending_approval", (), None, None)
    assert (back.version, back.content_version, back.digest) == (3, 1, made.digest)
    assert await read_payment.get(world.deps, ADMIN, made.payment_id) == back
    again = await world.approve(made.payment_id)
    assert (again.status, again.approved_by, len(again.approvals)) == ("approved", OTHER_DISPATCHER.sub, 1)
    entries = await read_audit_log.entries(world.deps, ADMIN, made.payment_id)
    assert [(entry.action, entry.previous_status, entry.new_status) for entry in entries[1:]] == [
        ("payment_approved", "pending_approval", "approved"),
        ("approval_undone", "approved", "pending_approval"),
        ("payment_approved", "pending_approval", "approved"),
    ]
    assert entries[2].notes == "the wrong incident"
    (event,) = world.rows("SELECT event_type, detail FROM outbox WHERE sequence = 3")
    assert (event["event_type"], event["detail"]["changes"]) == ("PaymentUpdated", ["approvals", "status"])
    assert event["detail"]["contentVersion"] == 1
    assert (await world.audit()).clean


async def test_while_it_waits_one_takes_back_ones_own_and_nobody_elses(strict_world: World) -> None:
    world = strict_world
    made = await world.create()
    with pytest.raises(InvalidTransition, match="you have given none"):
        await undone(world, made.payment_id)
    await world.approve(made.payment_id, by=OTHER_DISPATCHER)
    with pytest.raises(InvalidTransition, match="you have given none"):
        await undone(world, made.payment_id, by=ADMIN)
    with pytest.raises(AlreadyApproved):
        await world.approve(made.payment_id, by=OTHER_DISPATCHER)
    back = await undone(world, made.payment_id, by=OTHER_DISPATCHER)
    assert (back.status, back.approvals) == ("pending_approval", ())
    (event,) = world.rows("SELECT detail FROM outbox WHERE sequence = 3")
    assert event["detail"]["changes"] == ["approvals"]
    with pytest.raises(InvalidTransition):
        await undone(world, made.payment_id, by=OTHER_DISPATCHER)
    await world.approve(made.payment_id, by=OTHER_DISPATCHER)
    assert (await world.approve(made.payment_id, by=ADMIN)).status == "approved"
    assert (await world.audit()).clean


async def test_whoever_gave_one_takes_only_that_one_back(strict_world: World) -> None:
    world = strict_world
    made = await world.create()
    await world.approve(made.payment_id, by=OTHER_DISPATCHER, notes="first")
    await world.approve(made.payment_id, by=ADMIN)
    back = await undone(world, made.payment_id, by=OTHER_DISPATCHER)
    assert [one.approver_id for one in back.approvals] == [ADMIN.sub]
    assert (back.status, back.approved_by) == ("pending_approval", None)
    assert await read_payment.get(world.deps, ADMIN, made.payment_id) == back
    with pytest.raises(AlreadyApproved):
        await world.approve(made.payment_id, by=ADMIN)
    third = a_caller(Role.DISPATCHER, "dispatcher-3")
    assert (await world.approve(made.payment_id, by=third)).approved_by == third.sub
    assert (await world.audit()).clean


@pytest.mark.parametrize("person", [DISPATCHER, a_caller(Role.ADMIN, "admin-2")], ids=["creator", "another"])
async def test_somebody_who_gave_none_sends_the_whole_payment_back(strict_world: World, person: Any) -> None:
    world = strict_world
    made = await world.create()
    await world.approve(made.payment_id, by=OTHER_DISPATCHER)
    await world.approve(made.payment_id, by=ADMIN)
    back = await undone(world, made.payment_id, by=person)
    assert (back.status, back.approvals) == ("pending_approval", ())
    assert {row["voided_at"] for row in world.rows("SELECT voided_at FROM approvals")} == {back.updated_at}
    entries = await read_audit_log.entries(world.deps, ADMIN, made.payment_id)
    assert [entry.action for entry in entries[-2:]] == ["approval_undone", "approval_voided"]
    await world.approve(made.payment_id, by=OTHER_DISPATCHER)
    assert (await world.approve(made.payment_id, by=ADMIN)).status == "approved"
    assert (await world.audit()).clean


async def test_a_drivers_own_payment_has_no_approval_to_undo(world: World) -> None:
    driver = a_new_payment().incident_id
    made = await world.create(a_new_payment(payer_type=PayerType.DRIVER_IC, payer_id=driver))
    with pytest.raises(InvalidTransition, match="its driver"):
        await undone(world, made.payment_id)


async def test_an_approval_can_be_undone_while_the_payment_is_held(world: World) -> None:
    made = await world.create()
    await world.approve(made.payment_id)
    await world.submit(world.hold(made.payment_id, by=ADMIN))
    back = await undone(world, made.payment_id)
    assert (back.status, len(back.holds)) == ("pending_approval", 1)
    assert (await world.audit()).clean


async def test_who_takes_back_what_helped_nobody_takes_all_with_it_and_the_chain_says_so(ruled_world: World) -> None:
    """Origin 80: whoever undoes wants the payment stopped, even where the others' approvals would still do."""
    world = ruled_world
    await under(world, {"name": "ann's", "when": {"currencies": ["USD"]}, "anyOf": [[{"people": [ANN.sub]}]]})
    payment = await world.create(a_new_payment())
    await world.approve(payment.payment_id, by=ADMIN)
    assert (await world.approve(payment.payment_id, by=ANN)).status == "approved"
    await world.submit(world.undoing(payment.payment_id, by=ADMIN))
    assert (await read_payment.get(world.deps, ADMIN, payment.payment_id)).approvals == ()
    assert (await world.audit()).clean, "nobody has tampered with it"
    await world.approve(payment.payment_id, by=ADMIN)
    await world.approve(payment.payment_id, by=ANN)
    await world.submit(world.undoing(payment.payment_id, by=ANN))
    (left,) = (await read_payment.get(world.deps, ADMIN, payment.payment_id)).approvals
    assert left.approver_id == ADMIN.sub
    assert (await world.audit()).clean


async def test_who_makes_one_count_again_that_an_undo_took_with_it_is_found(ruled_world: World) -> None:
    """Its one approval would be half of what the next person needs."""
    world = ruled_world
    await under(world, {"name": "ann's", "when": {"currencies": ["USD"]}, "anyOf": [[{"people": [ANN.sub]}]]})
    payment = await world.create(a_new_payment())
    await world.approve(payment.payment_id, by=ADMIN)
    await world.approve(payment.payment_id, by=ANN)
    await world.submit(world.undoing(payment.payment_id, by=ADMIN))
    drop_checks(world.urls.superuser)
    with attacking(world.urls.superuser) as attacker:
        attacker.do("UPDATE approvals SET voided_at = NULL WHERE approver_id = %(id)s", id=ANN.sub)
        attacker.do("UPDATE payments SET approvals_valid = 1 WHERE payment_id = %(id)s", id=payment.payment_id)
    report = await world.audit()
    assert [fault.subject_id for fault in report.faults] == [payment.payment_id]
