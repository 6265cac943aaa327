"""Undo an approval: one takes back one's own, or sends an approved payment back before money is on its way."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from vendorpay.domain.approval import is_satisfied
from vendorpay.domain.audit import AuditAction
from vendorpay.domain.errors import InvalidTransition
from vendorpay.domain.events import EventDraft, PaymentUpdated
from vendorpay.domain.lifecycle import Action, PaymentStatus, allow
from vendorpay.domain.limits import of_approvals
from vendorpay.domain.payment import Approval, PayerType, PaymentState
from vendorpay.usecases.change_payment import PaymentCommand, changed, recorded
from vendorpay.usecases.command import Facts, Outcome


@dataclass(frozen=True, kw_only=True)
class UndoApproval(PaymentCommand):
    """Voids the caller's own approval; of an approved payment, by somebody who gave none, all of them."""

    operation = "undo_approval"

    notes: str | None = None

    def decide(self, facts: Facts) -> Outcome:
        state = self.found(facts)
        before = state.payment
        undone = self._undone(state)
        left = tuple(approval for approval in before.approvals if approval not in undone)
        was_approved = before.status is PaymentStatus.APPROVED
        changes = ("approvals", "status") if was_approved else ("approvals",)
        counted = msgspec.structs.replace(state, approvals_valid=len(left))
        fields = {"approvals": left, "approved_by": None, "approved_at": None}
        # Of the others' the chain says it, too: which approvals count is to follow from its entries alone.
        with_others = any(approval.approver_id != self.caller.sub for approval in undone)
        return recorded(
            state,
            changed(counted, facts, status=PaymentStatus.PENDING_APPROVAL, **fields),
            action=AuditAction.APPROVAL_UNDONE,
            event=EventDraft(kind=PaymentUpdated, own={"changes": changes, "content_version": before.content_version}),
            notes=self.notes,
            also=AuditAction.APPROVAL_VOIDED if with_others else None,
            voided=tuple(approval.approver_id for approval in undone),
            returned=of_approvals(state, undone, before.approved_at),
        )

    def _undone(self, state: PaymentState) -> tuple[Approval, ...]:
        """The approvals to void: the caller's own, and all where the others' would still do, for whoever undoes one
        wants the payment stopped. Raises InvalidTransition where the caller has none to undo.
        """
        payment = state.payment
        allow(Action.UNDO_APPROVAL, payment.status)
        if payment.payer_type is PayerType.DRIVER_IC:
            raise InvalidTransition(status=payment.status, action=f"{Action.UNDO_APPROVAL} (its driver authorizes it)")
        own = tuple(approval for approval in payment.approvals if approval.approver_id == self.caller.sub)
        if own or payment.status is PaymentStatus.APPROVED:
            left = tuple(approval for approval in payment.approvals if approval not in own)
            without = msgspec.structs.replace(
                state, approvals_valid=len(left), payment=msgspec.structs.replace(payment, approvals=left)
            )
            return payment.approvals if not own or is_satisfied(without) else own
        raise InvalidTransition(status=payment.status, action=f"{Action.UNDO_APPROVAL} (you have given none)")
