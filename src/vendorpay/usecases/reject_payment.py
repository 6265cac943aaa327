"""Reject a payment: a reviewer says no, and why; the job may then be billed again."""

from __future__ import annotations

from dataclasses import dataclass

from vendorpay.domain.audit import AuditAction
from vendorpay.domain.events import EventDraft, PaymentRejected
from vendorpay.domain.lifecycle import Action, PaymentStatus, allow
from vendorpay.usecases.change_payment import ReasonedCommand, changed, recorded
from vendorpay.usecases.command import Facts, Outcome


@dataclass(frozen=True, kw_only=True)
class RejectPayment(ReasonedCommand):
    """Somebody says no, for a reason."""

    operation = "reject_payment"

    def decide(self, facts: Facts) -> Outcome:
        state = self.found(facts)
        allow(Action.REJECT, state.payment.status)
        return recorded(
            state,
            changed(state, facts, status=PaymentStatus.REJECTED),
            action=AuditAction.PAYMENT_REJECTED,
            event=EventDraft(
                kind=PaymentRejected, own={"rejected_by": self.caller.sub, "reason_code": self.reason_code}
            ),
            notes=self.words,
            reason_code=self.reason_code,
        )
