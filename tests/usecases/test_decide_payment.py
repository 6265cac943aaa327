"""Approving, rejecting and cancelling: every status and action of the contract's table, and every refusal in order."""

from collections.abc import Callable
from uuid import UUID

import psycopg
import pytest

from tests.database import WAYS, Row, Rows, deciding, flagging, scoring, stored, write
from tests.usecases.world import ADMIN, DISPATCHER, OTHER_DISPATCHER, World, a_caller, a_new_payment, a_patch
from vendorpay.domain.errors import (
    AlreadyApproved,
    AlreadyDecided,
    DigestMismatch,
    FourEyes,
    FraudReviewRequired,
    InvalidTransition,
    NotFound,
    PaymentHeld,
    PreconditionFailed,
    ScorePending,
    VendorPayError,
)
from vendorpay.domain.payment import PayerType
from vendorpay.domain.roles import Role
from vendorpay.usecases import read_audit_log, read_payment
from vendorpay.usecases.command import Command

pytestmark = pytest.mark.anyio

TABLE: dict[str, dict[str, type[VendorPayError] | None]] = {
    "approve": dict.fromkeys(WAYS, AlreadyDecided)
    | {"pending_approval": None, "processing": InvalidTransition, "failed": InvalidTransition},
    "reject": dict.fromkeys(WAYS, AlreadyDecided)
    | {"pending_approval": None, "processing": InvalidTransition, "failed": InvalidTransition},
    "cancel": dict.fromkeys(WAYS, InvalidTransition) | {"pending_approval": None, "approved": None, "failed": None},
    "hold": dict.fromkeys(WAYS, InvalidTransition) | {"pending_approval": None, "approved": None, "failed": None},
    "update": dict.fromkeys(WAYS, InvalidTransition) | {"pending_approval": None, "approved": None},
    "undo-approval": dict.fromkeys(WAYS, InvalidTransition) | {"approved": None},
}
"""The contract's last table of section 3, for the actions there are; of those that depend on what was done before,
release and one's own approval while it waits, test_hold_payment and test_undo_approval tell more."""
AFTERWARDS = {
    "approve": "approved",
    "reject": "rejected",
    "cancel": "cancelled",
    "update": "pending_approval",
    "undo-approval": "pending_approval",
}
"""The status that an action leads to; a hold leaves it where it is."""


@pytest.mark.parametrize("status", WAYS)
async def test_every_action_in_every_status_is_as_the_contract_says(world: World, status: str) -> None:
    for action, refusals in TABLE.items():
        payment_id = await world.in_status(status)
        commands: dict[str, Command] = {
            "approve": world.approval(payment_id, by=a_caller(Role.DISPATCHER, "dispatcher-3")),
            "reject": world.rejection(payment_id),
            "cancel": world.cancellation(payment_id),
            "hold": world.hold(payment_id),
            "undo-approval": world.undoing(payment_id),
            "update": world.edit(payment_id, a_patch(lines=((1, 7),))),
        }
        before = world.rows("SELECT * FROM payments WHERE payment_id = %s", payment_id)
        refusal = refusals[status]
        if refusal is None:
            await world.submit(commands[action])
            after = await read_payment.get(world.deps, ADMIN, payment_id)
            assert (after.version, after.status) == (
                before[0]["version"] + 1,
                AFTERWARDS.get(action, status),
            )
        else:
            with pytest.raises(refusal):
                await world.submit(commands[action])
            assert world.rows("SELECT * FROM payments WHERE payment_id = %s", payment_id) == before, action


async def test_an_approval_is_on_record_with_its_notes_its_actor_and_its_event(world: World) -> None:
    """Origin 73: the reviewer's notes are kept; origin 72: the admin is an admin."""
    made = await world.create()
    approved = await world.approve(made.payment_id, by=ADMIN, notes="looked at the photos")
    assert (approved.status, approved.approved_by) == ("approved", ADMIN.sub)
    assert approved.approved_at == approved.updated_at
    (approval,) = approved.approvals
    assert (approval.approver_id, approval.role, approval.notes) == (ADMIN.sub, "admin", "looked at the photos")
    assert await read_payment.get(world.deps, ADMIN, made.payment_id) == approved
    _, entry = await read_audit_log.entries(world.deps, ADMIN, made.payment_id)
    assert (entry.action, entry.actor_id, entry.actor_type, entry.notes) == (
        "payment_approved",
        ADMIN.sub,
        "admin",
        "looked at the photos",
    )
    (event,) = world.rows("SELECT event_type, detail::text FROM outbox WHERE sequence = 2")
    assert event["event_type"] == "PaymentApproved"
    assert "photos" not in event["detail"], "free text is never published"


async def test_empty_notes_are_none_in_the_answer_as_in_every_reading(world: World) -> None:
    approved = await world.approve((await world.create()).payment_id, notes="")
    assert approved.approvals[0].notes is None
    assert await read_payment.get(world.deps, ADMIN, approved.payment_id) == approved


async def test_two_approvals_are_needed_where_two_are_asked_for(strict_world: World) -> None:
    world = strict_world
    made = await world.create()
    first = await world.approve(made.payment_id, by=OTHER_DISPATCHER, notes="one")
    assert (first.status, first.approved_by, first.version) == ("pending_approval", None, 2)
    with pytest.raises(AlreadyApproved):
        await world.approve(made.payment_id, by=OTHER_DISPATCHER)
    second = await world.approve(made.payment_id, by=ADMIN, notes="two")
    assert (second.status, second.approved_by, second.version) == ("approved", ADMIN.sub, 3)
    assert [(one.approver_id, one.notes) for one in second.approvals] == [
        (OTHER_DISPATCHER.sub, "one"),
        (ADMIN.sub, "two"),
    ]
    entries = await read_audit_log.entries(world.deps, ADMIN, made.payment_id)
    assert [entry.action for entry in entries] == ["payment_created", "approval_recorded", "payment_approved"]
    events = world.rows("SELECT event_type, detail FROM outbox ORDER BY sequence")
    assert [event["event_type"] for event in events] == ["PaymentCreated", "PaymentUpdated", "PaymentApproved"]
    assert events[1]["detail"]["changes"] == ["approvals"]
    assert (await world.audit()).clean


async def test_refusals_of_an_approval_come_in_the_contracts_order(strict_world: World) -> None:
    """Everything is wrong at once; what is refused first is put right, one after the other (contract 3.8)."""
    world = strict_world
    payment_id = (await world.create()).payment_id
    await world.approve(payment_id, by=ADMIN)
    await world.submit(world.hold(payment_id, by=ADMIN))
    await world.submit(world.hold(payment_id))
    _fraud_side(world, payment_id, flagging)
    wrong_digest = "0" * 64
    with pytest.raises(FourEyes):
        await world.approve(payment_id, by=DISPATCHER, expected_digest=wrong_digest)
    with pytest.raises(FraudReviewRequired):
        await world.approve(payment_id, by=ADMIN, expected_digest=wrong_digest)
    _fraud_side(world, payment_id, cleared_before_it_is_scored_again)
    with pytest.raises(PaymentHeld, match="2 open hold"):
        await world.approve(payment_id, by=ADMIN, expected_digest=wrong_digest)
    await world.submit(world.release(payment_id))
    with pytest.raises(ScorePending):
        await world.approve(payment_id, by=ADMIN, expected_digest=wrong_digest)
    _fraud_side(world, payment_id, scoring)
    with pytest.raises(AlreadyApproved):
        await world.approve(payment_id, by=ADMIN, expected_digest=wrong_digest)
    with pytest.raises(DigestMismatch):
        await world.approve(payment_id, by=OTHER_DISPATCHER, expected_digest=wrong_digest)
    digest = (await read_payment.get(world.deps, ADMIN, payment_id)).digest
    assert (await world.approve(payment_id, by=OTHER_DISPATCHER, expected_digest=digest)).status == "approved"


def _fraud_side(world: World, payment_id: UUID, says: Callable[[Row], Rows]) -> None:
    with psycopg.connect(world.urls.app) as connection:
        write(connection, says(stored(connection, payment_id)))


def cleared_before_it_is_scored_again(payment: Row) -> Rows:
    rows = deciding(payment, "cleared")
    assert rows.sets is not None
    rows.sets["fraud_gate"] = "score_pending"
    return rows


async def test_status_comes_before_four_eyes(world: World) -> None:
    payment_id = await world.in_status("rejected")
    with pytest.raises(AlreadyDecided):
        await world.approve(payment_id, by=DISPATCHER)


async def test_fault_52_the_creator_approves_nothing_of_their_own_whatever_the_role(world: World) -> None:
    for creator in (ADMIN, DISPATCHER):
        made = await world.create(by=creator)
        with pytest.raises(FourEyes):
            await world.approve(made.payment_id, by=creator)
        assert (await world.reject(made.payment_id, by=creator)).status == "rejected", "no to one's own is allowed"


async def test_a_drivers_payment_is_not_for_the_back_office_to_approve(world: World) -> None:
    driver = a_new_payment().incident_id
    made = await world.create(a_new_payment(payer_type=PayerType.DRIVER_IC, payer_id=driver))
    with pytest.raises(InvalidTransition):
        await world.approve(made.payment_id)
    assert (await world.cancel(made.payment_id)).approved_by is None


async def test_a_rejection_keeps_reason_notes_and_code(world: World) -> None:
    made = await world.create()
    rejected = await world.reject(made.payment_id, reason="twice billed", notes="see 17", reason_code="duplicate")
    assert rejected.status == "rejected"
    entry = (await read_audit_log.entries(world.deps, ADMIN, made.payment_id))[-1]
    assert (entry.action, entry.notes, entry.reason_code) == ("payment_rejected", "twice billed\n\nsee 17", "duplicate")
    (event,) = world.rows("SELECT event_type, detail FROM outbox WHERE sequence = 2")
    assert (event["event_type"], event["detail"]["reasonCode"]) == ("PaymentRejected", "duplicate")


async def test_a_cancellation_says_from_where_and_by_whom(world: World) -> None:
    payment_id = await world.in_status("failed")
    cancelled = await world.cancel(payment_id, reason="paid by hand")
    assert (cancelled.status, cancelled.approved_by) == ("cancelled", OTHER_DISPATCHER.sub)
    entry = (await read_audit_log.entries(world.deps, ADMIN, payment_id))[-1]
    assert (entry.action, entry.previous_status, entry.actor_type) == ("payment_cancelled", "failed", "admin")
    (event,) = world.rows("SELECT detail FROM outbox ORDER BY sequence DESC LIMIT 1")
    assert (event["detail"]["previousStatus"], event["detail"]["cancelledBy"]) == ("failed", ADMIN.sub)
    assert (await world.audit()).clean


async def test_fault_50_a_payment_of_another_organisation_is_not_found(world: World) -> None:
    made = await world.create()
    stranger = a_caller(Role.ADMIN, org_id="another")
    for command in (
        world.approval(made.payment_id, by=stranger),
        world.rejection(made.payment_id, by=stranger),
        world.cancellation(made.payment_id, by=stranger),
        world.approval(world.new_command_id()),
    ):
        with pytest.raises(NotFound):
            await world.submit(command)
    assert (await read_payment.get(world.deps, ADMIN, made.payment_id)).version == 1


@pytest.mark.parametrize("decide", ["approval", "rejection", "cancellation"])
async def test_a_decision_on_a_version_that_is_gone_is_refused(world: World, decide: str) -> None:
    """Origin 81, as far as it is here: nobody decides about what they have not seen."""
    made = await world.create()
    stale = getattr(world, decide)(made.payment_id, versions=frozenset({made.version + 5}))
    with pytest.raises(PreconditionFailed):
        await world.submit(stale)
    fresh = getattr(world, decide)(made.payment_id, versions=frozenset({made.version, 99}))
    await world.submit(fresh)
    with pytest.raises(PreconditionFailed):  # before the status is looked at, by contract 3.8
        await world.submit(stale)
