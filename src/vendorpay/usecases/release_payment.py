"""Release a payment: what people held goes on; what other parts of the service hold is theirs to release."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from vendorpay.domain.audit import AuditAction
from vendorpay.domain.events import EventDraft, PaymentReleased
from vendorpay.domain.lifecycle import Action, allow
from vendorpay.domain.payment import HoldKind
from vendorpay.usecases.change_payment import PaymentCommand, changed, recorded, unchanged
from vendorpay.usecases.command import Facts, Outcome


@dataclass(frozen=True, kw_only=True)
class ReleasePayment(PaymentCommand):
    """Ends every hold that a person placed, whoever it was. With none open, all is as it was wished already."""

    operation = "release_payment"

    notes: str | None = None

    def decide(self, facts: Facts) -> Outcome:
        state = self.found(facts)
        before = state.payment
        allow(Action.RELEASE, before.status)
        others = tuple(hold for hold in before.holds if hold.kind is not HoldKind.MANUAL)
        if len(others) == len(before.holds):
            return unchanged(state)
        counted = msgspec.structs.replace(state, open_holds=len(others))
        kinds = (HoldKind.MANUAL,)
        return recorded(
            state,
            changed(counted, facts, status=before.status, holds=others),
            action=AuditAction.PAYMENT_RELEASED,
            event=EventDraft(kind=PaymentReleased, own={"kinds": kinds, "released_by": self.caller.sub}),
            notes=self.notes,
            released=kinds,
        )
