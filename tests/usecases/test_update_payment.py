"""Edits: other content waits for approval again, a reference stays one of its job, and metadata is never lost."""

import asyncio
from typing import Any

import pytest

from tests.usecases.world import (
    ADMIN,
    DISPATCHER,
    OTHER_DISPATCHER,
    World,
    a_caller,
    a_key,
    a_new_payment,
    a_patch,
    payment_in,
    rounds,
    work_completed,
)
from vendorpay.domain.errors import (
    DigestMismatch,
    DuplicatePayment,
    FourEyes,
    IdempotencyKeyReused,
    InvalidRequest,
    InvalidTransition,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
)
from vendorpay.domain.payment import PayerType, Payment
from vendorpay.domain.roles import Role
from vendorpay.usecases import read_audit_log, read_payment, record_event
from vendorpay.usecases.carry_out import carry_out
from vendorpay.usecases.command import Done

pytestmark = pytest.mark.anyio

OTHER_LINES = a_patch(lines=((1, 7), (3, 100)))


async def test_fault_80_a_wrong_bill_is_put_right_and_waits_for_approval_again(world: World) -> None:
    """Origin 80: there was no edit; a wrong payment was pending for ever, or paid."""
    made = await world.create()
    await world.approve(made.payment_id)
    edited = await world.update(made.payment_id, OTHER_LINES)
    assert (edited.status, edited.amount_cents, edited.version, edited.content_version) == (
        "pending_approval",
        307,
        3,
        2,
    )
    assert (edited.approvals, edited.approved_by, edited.approved_at) == ((), None, None)
    assert [(line.line_no, line.quantity, line.unit_price_cents) for line in edited.line_items] == [
        (1, 1, 7),
        (2, 3, 100),
    ]
    assert edited.digest != made.digest
    assert await read_payment.get(world.deps, ADMIN, made.payment_id) == edited
    entries = await read_audit_log.entries(world.deps, ADMIN, made.payment_id)
    assert [(entry.action, entry.previous_status, entry.new_status, entry.actor_id) for entry in entries[2:]] == [
        ("payment_updated", "approved", "pending_approval", DISPATCHER.sub),
        ("approval_voided", "pending_approval", "pending_approval", DISPATCHER.sub),
    ]
    (event,) = world.rows("SELECT event_type, detail FROM outbox WHERE sequence = 3")
    assert event["event_type"] == "PaymentUpdated"
    assert event["detail"]["changes"] == ["lineItems", "amountCents", "approvals", "status"]
    assert (event["detail"]["contentVersion"], event["detail"]["amountCents"]) == (2, 307)
    assert (await world.audit()).clean
    with pytest.raises(DigestMismatch):
        await world.approve(made.payment_id, expected_digest=made.digest)
    assert (await world.approve(made.payment_id, expected_digest=edited.digest)).status == "approved"
    assert (await world.audit()).clean


async def test_the_lines_that_were_are_kept_beside_the_new_ones(world: World) -> None:
    made = await world.create()
    await world.update(made.payment_id, OTHER_LINES)
    back = await world.update(made.payment_id, a_patch(lines=((1, 10_000), (2, 250))))
    assert (back.content_version, back.digest) == (3, made.digest)
    rows = world.rows("SELECT content_version, count(*) AS lines FROM payment_line_items GROUP BY 1 ORDER BY 1")
    assert [(row["content_version"], row["lines"]) for row in rows] == [(1, 2), (2, 2), (3, 2)]
    assert (await world.audit()).clean


async def test_new_content_that_comes_back_is_not_approved_by_what_was_given_before(strict_world: World) -> None:
    """The digest is the same again, but the approval was for another moment: it was voided and stays so."""
    world = strict_world
    made = await world.create()
    await world.approve(made.payment_id)
    edited = await world.update(made.payment_id, OTHER_LINES)
    assert edited.approvals == ()
    (event,) = world.rows("SELECT detail FROM outbox WHERE sequence = 3")
    assert event["detail"]["changes"] == ["lineItems", "amountCents", "approvals"]
    back = await world.update(made.payment_id, a_patch(lines=((1, 10_000), (2, 250))))
    assert back.approvals == ()
    assert [entry.action for entry in await read_audit_log.entries(world.deps, ADMIN, made.payment_id)] == [
        "payment_created",
        "approval_recorded",
        "payment_updated",
        "approval_voided",
        "payment_updated",
    ]
    await world.approve(made.payment_id, by=ADMIN)
    assert (await world.approve(made.payment_id)).status == "approved"
    assert (await world.audit()).clean


async def test_a_label_leaves_what_was_approved_as_it_is(world: World) -> None:
    made = await world.create()
    approved = await world.approve(made.payment_id)
    edited = await world.update(made.payment_id, a_patch(reference="TW-1", metadata={"a": {"b": 1}}))
    assert (edited.status, edited.approvals, edited.digest) == ("approved", approved.approvals, made.digest)
    assert (edited.version, edited.content_version, edited.reference) == (3, 1, "TW-1")
    (event,) = world.rows("SELECT detail FROM outbox WHERE sequence = 3")
    assert event["detail"]["changes"] == ["metadata", "reference"]
    assert await read_payment.get(world.deps, ADMIN, made.payment_id) == edited
    assert (await world.audit()).clean


async def test_an_edit_that_changes_nothing_is_answered_and_leaves_no_trace(world: World) -> None:
    made = await world.create(a_new_payment(metadata={"a": 1}, reference="R"))
    same = a_patch(lines=((1, 10_000), (2, 250)), metadata={"a": 1, "b": None}, reference="R")
    assert await world.update(made.payment_id, same) == made
    assert (world.count("payment_audit_log"), world.count("outbox"), world.count("payment_line_items")) == (1, 1, 2)
    assert world.count("commands") == 2


async def test_an_edit_must_add_up_with_what_is_there(world: World) -> None:
    made = await world.create()
    for wrong in (a_patch(amount_cents=1), a_patch(lines=((1, 5),), amount_cents=10_500)):
        with pytest.raises(InvalidRequest, match="amountCents"):
            await world.update(made.payment_id, wrong)
    assert await read_payment.get(world.deps, ADMIN, made.payment_id) == made


async def test_fault_67_metadata_is_merged_and_what_was_there_is_kept(world: World) -> None:
    """Origin 67: metadata was replaced; work details, photo count and service type were lost."""
    recorded = await record_event.record(world.deps, ADMIN, [work_completed()], None)
    payment_id = recorded.results[0].payment_id
    assert payment_id is not None
    before = await read_payment.get(world.deps, ADMIN, payment_id)
    assert before.metadata["photoCount"] == 2
    edited = await world.update(payment_id, a_patch(metadata={"checked": {"by": "me", "on": [1]}, "duration": None}))
    kept = {name: value for name, value in before.metadata.items() if name != "duration"}
    assert edited.metadata == {**kept, "checked": {"by": "me", "on": [1]}}
    again = await world.update(payment_id, a_patch(metadata={"checked": {"on": None}}))
    assert again.metadata == {**kept, "checked": {"by": "me"}}
    assert await read_payment.get(world.deps, ADMIN, payment_id) == again


async def test_fault_67_many_who_each_add_a_key_at_once_lose_none(world: World) -> None:
    """Origin 67, with two writers: read, merge and write are one step under the row's lock."""
    made = await world.create(a_new_payment(metadata={"first": 0}))
    for round_number in range(rounds(quick=3, soak=100)):
        names = [f"{round_number}-{number}" for number in range(25)]
        await asyncio.gather(*(world.update(made.payment_id, a_patch(metadata={name: name})) for name in names))
        for name in names[5:]:
            await world.update(made.payment_id, a_patch(metadata={name: None}))
    found = (await read_payment.get(world.deps, ADMIN, made.payment_id)).metadata
    assert len(found) == 1 + 5 * rounds(quick=3, soak=100)
    assert found["first"] == 0
    assert (await world.audit()).clean


@pytest.mark.parametrize("status", ["pending_approval", "approved"])
async def test_a_drivers_payment_can_be_edited_too(world: World, status: str) -> None:
    driver = a_new_payment().incident_id
    made = await world.create(a_new_payment(payer_type=PayerType.DRIVER_IC, payer_id=driver))
    if status == "approved":
        world.move(made.payment_id, "approved", approvals_valid=0, approved_by=None)
    edited = await world.update(made.payment_id, OTHER_LINES)
    assert (edited.status, edited.content_version, edited.approved_at) == ("pending_approval", 2, None)
    (event,) = world.rows("SELECT detail FROM outbox ORDER BY sequence DESC LIMIT 1")
    assert event["detail"]["changes"] == ["lineItems", "amountCents", *(["status"] if status == "approved" else [])]
    assert (await world.audit()).clean


async def test_a_reference_of_a_live_twin_is_refused_and_the_twin_named(world: World) -> None:
    job = a_new_payment()
    twin = await world.create(a_new_payment(incident_id=job.incident_id, vendor_id=job.vendor_id, reference="A"))
    other = await world.create(a_new_payment(incident_id=job.incident_id, vendor_id=job.vendor_id, reference="B"))
    with pytest.raises(DuplicatePayment) as caught:
        await world.update(other.payment_id, a_patch(reference="A"))
    assert caught.value.existing_payment_id == twin.payment_id
    await world.cancel(twin.payment_id)
    assert (await world.update(other.payment_id, a_patch(reference="A"))).reference == "A"
    with pytest.raises(DuplicatePayment):
        await world.create(a_new_payment(incident_id=job.incident_id, vendor_id=job.vendor_id, reference="A"))
    await world.create(a_new_payment(incident_id=job.incident_id, vendor_id=job.vendor_id, reference="B"))


async def test_fault_81_two_editors_never_overwrite_what_the_other_did_unseen(world: World) -> None:
    """Origin 81: without a row version the second one won silently."""
    made = await world.create()
    seen = frozenset({made.version})
    edits = [a_patch(lines=((1, 100 + number),)) for number in range(5)]
    ended = await asyncio.gather(
        *(world.update(made.payment_id, patch, versions=seen) for patch in edits), return_exceptions=True
    )
    assert [type(one) for one in ended if not isinstance(one, Payment)] == [PreconditionFailed] * 4
    (won,) = (one for one in ended if isinstance(one, Payment))
    assert await read_payment.get(world.deps, ADMIN, made.payment_id) == won
    assert (await world.update(made.payment_id, a_patch(reference="r"), versions=frozenset({won.version}))).version == 3


async def test_fault_81_an_edit_without_a_version_is_refused_after_the_payment_was_found(world: World) -> None:
    made = await world.create()
    with pytest.raises(PreconditionRequired):
        await world.update(made.payment_id, OTHER_LINES, conditional=False)
    with pytest.raises(NotFound):
        await world.update(world.new_command_id(), OTHER_LINES, conditional=False)
    assert await read_payment.get(world.deps, ADMIN, made.payment_id) == made


@pytest.mark.parametrize("patch", [OTHER_LINES, a_patch(reference="x")], ids=["content", "reference"])
async def test_refusals_come_in_the_contracts_order(world: World, patch: Any) -> None:
    payment_id = await world.in_status("rejected")
    with pytest.raises(NotFound):
        await world.update(payment_id, patch, by=a_caller(Role.ADMIN, org_id="another"))
    with pytest.raises(PreconditionFailed):
        await world.update(payment_id, patch, versions=frozenset({1}))
    with pytest.raises(InvalidTransition):
        await world.update(payment_id, patch, versions=frozenset({2}))


async def test_an_edit_under_a_key_is_done_once(world: World) -> None:
    made = await world.create()
    first = await world.update(made.payment_id, OTHER_LINES, key=a_key("k"), versions=frozenset({1}))
    await world.update(made.payment_id, a_patch(reference="later"), by=OTHER_DISPATCHER)
    again = await world.update(made.payment_id, OTHER_LINES, key=a_key("k"), versions=frozenset({1}))
    assert again == first
    with pytest.raises(IdempotencyKeyReused):
        await world.update(made.payment_id, OTHER_LINES, key=a_key("k", "another request"))


async def test_edits_and_decisions_go_in_one_batch_and_a_bad_neighbour_spoils_none(world: World) -> None:
    """Edits and other changes are two updates of one statement."""
    made = [(await world.create()).payment_id for _ in range(5)]
    await world.submit(world.hold(made[3]))
    results = await carry_out(
        world.path,
        [
            world.edit(made[0], OTHER_LINES),
            world.approval(made[1]),
            world.hold(made[2]),
            world.release(made[3]),
            world.edit(made[4], a_patch(amount_cents=1)),
        ],
    )
    assert [type(result) for result in results] == [Done] * 4 + [InvalidRequest]
    found = [await read_payment.get(world.deps, ADMIN, payment_id) for payment_id in made]
    assert [(one.status, one.version, one.content_version, len(one.holds)) for one in found] == [
        ("pending_approval", 2, 2, 0),
        ("approved", 2, 1, 0),
        ("pending_approval", 2, 1, 1),
        ("pending_approval", 3, 1, 0),
        ("pending_approval", 1, 1, 0),
    ]
    assert [payment_in(one) for one in results if isinstance(one, Done)] == found[:4]
    assert (await world.audit()).clean


async def test_fault_52_whoever_edited_the_content_does_not_approve_it_and_somebody_else_does(world: World) -> None:
    """Origin 52: else one person would write the amount and say yes to it, whoever created the payment."""
    made = await world.create(by=ADMIN)
    edited = await world.update(made.payment_id, OTHER_LINES, by=DISPATCHER)
    assert edited.edited_by == DISPATCHER.sub
    for same in (ADMIN, DISPATCHER):
        with pytest.raises(FourEyes):
            await world.approve(made.payment_id, by=same)
    assert (await world.approve(made.payment_id, by=OTHER_DISPATCHER)).status == "approved"
    again = await world.update(made.payment_id, a_patch(lines=((1, 9),)), by=OTHER_DISPATCHER)
    assert again.edited_by == OTHER_DISPATCHER.sub
    assert (await world.approve(made.payment_id, by=DISPATCHER)).status == "approved"
    assert (await world.audit()).clean


async def test_an_edit_that_leaves_the_content_alone_makes_nobody_its_editor(world: World) -> None:
    made = await world.create(by=ADMIN)
    labelled = await world.update(made.payment_id, a_patch(metadata={"seen": True}), by=DISPATCHER)
    assert labelled.edited_by is None
    assert (await world.approve(made.payment_id, by=DISPATCHER)).status == "approved"
