"""Update a payment before money is on its way: new content voids what was approved; metadata is merged, never lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET

from vendorpay.domain.audit import AuditAction
from vendorpay.domain.errors import DuplicatePayment, NotFound, PreconditionRequired
from vendorpay.domain.events import EventDraft, PaymentUpdated
from vendorpay.domain.lifecycle import Action, PaymentStatus, allow
from vendorpay.domain.limits import of_approvals
from vendorpay.domain.payment import FraudGate, PaymentState
from vendorpay.domain.payment_patch import Edited, PaymentPatch, edit
from vendorpay.domain.roles import Caller
from vendorpay.store import read_payments
from vendorpay.store.claims import JobClaim
from vendorpay.usecases.change_payment import PaymentCommand, changed, recorded, unchanged
from vendorpay.usecases.choose_rule import remembered, under_policy, without_rule
from vendorpay.usecases.command import Done, Facts, Key, Outcome, PaymentChange
from vendorpay.usecases.deps import Deps


@dataclass(frozen=True, kw_only=True)
class UpdatePayment(PaymentCommand):
    """An edit by somebody who knows which version they edit; `job` is that of the new reference, if there is one."""

    operation = "update_payment"

    patch: PaymentPatch
    job: JobClaim | None = None
    conditional: bool = True
    """Whether the caller said which version they saw, be it any."""
    required_approvals: int = 1
    """Of new content, where the payment had a rule and no policy applies any more."""

    def asks_policy(self) -> bool:
        return True

    def job_claim(self) -> JobClaim | None:
        return self.job

    def decide(self, facts: Facts) -> Outcome:
        state = self.found(facts)
        if not self.conditional:
            raise PreconditionRequired
        before = state.payment
        allow(Action.UPDATE, before.status)
        edited = edit(self.patch, state, facts.new_id)
        if "reference" in edited.changes and facts.twin is not None and facts.twin.live:
            raise DuplicatePayment(facts.twin.payment_id)
        if not edited.changes:
            return unchanged(state)
        return _recontented(self, state, edited, facts) if edited.new_content else _relabelled(state, edited, facts)


def _relabelled(state: PaymentState, edited: Edited, facts: Facts) -> Outcome:
    """The outcome of an edit that leaves what is paid, and so what was approved, as it is."""
    after = msgspec.structs.replace(state, payment=edited.payment)
    return _recorded(state, changed(after, facts, status=state.payment.status), edited.changes)


def _recontented(command: UpdatePayment, state: PaymentState, edited: Edited, facts: Facts) -> Outcome:
    """The outcome of new content: nobody has approved it, so all approvals go, and it waits again, under another rule
    when that fits it better.
    """
    before = state.payment
    gate = _gate_of_new_content(state, facts)
    after = changed(
        msgspec.structs.replace(state, payment=edited.payment, approvals_valid=0, fraud_gate=gate),
        facts,
        status=PaymentStatus.PENDING_APPROVAL,
        approvals=(),
        approved_by=None,
        approved_at=None,
        edited_by=command.caller.sub,
        fraud_score=None,
        fraud_status=None,
        fraud_reasons=(),
    )
    voided = tuple(approval.approver_id for approval in before.approvals)
    changes = (
        *edited.changes,
        *(("approvals",) if voided else ()),
        *(("status",) if before.status is not PaymentStatus.PENDING_APPROVAL else ()),
    )
    also = AuditAction.APPROVAL_VOIDED if voided else None
    returned = of_approvals(state, before.approvals, before.approved_at)
    outcome = _recorded(state, after, changes, new_content=True, voided=voided, returned=returned, also=also)
    assert isinstance(outcome.change, PaymentChange)
    anew = under_policy(without_rule(outcome.change, command.required_approvals), facts, *remembered(state))
    return msgspec.structs.replace(outcome, change=anew, answer=msgspec.json.encode(anew.state.payment))


def _gate_of_new_content(state: PaymentState, facts: Facts) -> FraudGate:
    """It is scored again, and an open case stays open: nobody edits their way out of it."""
    if state.fraud_gate is FraudGate.REVIEW_REQUIRED:
        return state.fraud_gate
    asked = facts.scoring or state.fraud_gate is FraudGate.SCORE_PENDING or state.payment.fraud_status is not None
    return FraudGate.SCORE_PENDING if asked else FraudGate.CLEAR


def _recorded(before: PaymentState, after: PaymentState, changes: tuple[str, ...], **more: Any) -> Outcome:
    own = {"changes": changes, "content_version": after.payment.content_version}
    event = EventDraft(kind=PaymentUpdated, own=own)
    action = AuditAction.PAYMENT_UPDATED
    return recorded(before, after, action=action, event=event, notes=None, edited=True, **more)


async def submit(
    deps: Deps,
    caller: Caller,
    payment_id: UUID,
    patch: PaymentPatch,
    *,
    command_id: UUID,
    key: Key | None = None,
    versions: frozenset[int] | None = None,
    conditional: bool = True,
) -> Done:
    """Hands the edit in, and answers after its commit. Raises NotFound and what the edit is refused with.

    A new reference is a new job, which must be claimed before anything is locked; what else makes the job (incident,
    vendor) never changes, so that it may be read first.
    """
    job = None
    if patch.reference is not UNSET:
        async with deps.database.reading() as connection:
            found = await read_payments.job(connection, caller.scope(), payment_id)
        if found is None:
            raise NotFound(subject="payment", id=payment_id)
        incident_id, vendor_id = found
        job = JobClaim(caller.org_id, incident_id, vendor_id, patch.reference)
    command = UpdatePayment(
        command_id=command_id,
        caller=caller,
        key=key,
        payment_id=payment_id,
        versions=versions,
        patch=patch,
        job=job,
        conditional=conditional,
        required_approvals=deps.required_approvals,
    )
    return await deps.commands.submit(command)
