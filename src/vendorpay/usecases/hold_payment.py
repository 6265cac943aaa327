"""Hold a payment: somebody stops it, and says why; it is neither approved nor paid until the hold is released."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from vendorpay.domain import errors, events
from vendorpay.domain.audit import AuditAction
from vendorpay.domain.lifecycle import Action, allow
from vendorpay.domain.payment import HOLDS_MAX, Hold, HoldKind
from vendorpay.usecases.change_payment import ReasonedCommand, changed, recorded
from vendorpay.usecases.command import Facts, Outcome


@dataclass(frozen=True, kw_only=True)
class HoldPayment(ReasonedCommand):
    """One person's hold; several people may each hold a payment, up to HOLDS_MAX of them."""

    operation = "hold_payment"

    def decide(self, facts: Facts) -> Outcome:
        state = self.found(facts)
        before = state.payment
        allow(Action.HOLD, before.status)
        if sum(hold.kind is HoldKind.MANUAL for hold in before.holds) >= HOLDS_MAX:
            raise errors.PaymentHeld(open_holds=state.open_holds)
        hold = Hold(kind=HoldKind.MANUAL, reason=self.reason, by=self.caller.sub, at=facts.now)
        counted = msgspec.structs.replace(state, open_holds=state.open_holds + 1)
        own = {"kind": hold.kind, "held_by": hold.by, "reason_code": self.reason_code}
        return recorded(
            state,
            changed(counted, facts, status=before.status, holds=(*before.holds, hold)),
            action=AuditAction.PAYMENT_HELD,
            event=events.EventDraft(kind=events.PaymentHeld, own=own),
            notes=self.words,
            reason_code=self.reason_code,
            hold_id=facts.new_id(),
        )
