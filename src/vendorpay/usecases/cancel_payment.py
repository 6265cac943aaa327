"""Cancel a payment: it will not be made after all, approved or not; the job may then be billed again."""

from __future__ import annotations

from dataclasses import dataclass

from vendorpay.domain.audit import AuditAction
from vendorpay.domain.events import EventDraft, PaymentCancelled
from vendorpay.domain.lifecycle import Action, PaymentStatus, allow
from vendorpay.usecases.change_payment import ReasonedCommand, changed, recorded
from vendorpay.usecases.command import Facts, Outcome


@dataclass(frozen=True, kw_only=True)
class CancelPayment(ReasonedCommand):
    """Somebody withdraws the payment, for a reason."""

    operation = "cancel_payment"

    def decide(self, facts: Facts) -> Outcome:
        state = self.found(facts)
        before = state.payment.status
        allow(Action.CANCEL, before)
        own = {"cancelled_by": self.caller.sub, "reason_code": self.reason_code, "previous_status": before}
        return recorded(
            state,
            changed(state, facts, status=PaymentStatus.CANCELLED),
            action=AuditAction.PAYMENT_CANCELLED,
            event=EventDraft(kind=PaymentCancelled, own=own),
            notes=self.words,
            reason_code=self.reason_code,
        )
