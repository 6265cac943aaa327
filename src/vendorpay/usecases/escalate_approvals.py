"""Escalate what waits for too long: from then on people of the next role may stand in, and an event tells them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec

from vendorpay.domain.audit import AuditAction
from vendorpay.domain.events import EventDraft, PaymentEscalated
from vendorpay.domain.lifecycle import PaymentStatus
from vendorpay.domain.payment import PaymentState
from vendorpay.domain.roles import Caller, Role
from vendorpay.store import policies
from vendorpay.usecases.change_payment import PaymentCommand, changed, recorded, unchanged
from vendorpay.usecases.command import Facts, Outcome
from vendorpay.usecases.deps import Deps

TIMER: Final = "system:escalation"
AT_ONCE: Final = 200
"""How many payments one step escalates."""
_NEXT_MOMENT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True)
class EscalatePayment(PaymentCommand):
    """The time is up. Nothing happens to a payment that is decided by now, was escalated, or has new content.

    Approvals stand in from the hour on that the rule names, whichever hour the clock that noticed it shows: it may be
    ahead of those by which people approve.
    """

    operation = "escalate_payment"

    def decide(self, facts: Facts) -> Outcome:
        state = self.found(facts)
        payment = state.payment
        demand = None if state.rule is None else state.rule.demand(payment.fraud_status)
        due = _due_at(state)
        if payment.status is not PaymentStatus.PENDING_APPROVAL or state.escalated_at is not None:
            return unchanged(state)
        if demand is None or demand.escalation is None or due is None or due > facts.now:
            return unchanged(state)
        escalated = msgspec.structs.replace(state, escalated_at=due)
        own = {
            "rule": demand.rule,
            "role": demand.escalation.role,
            "waiting_since": payment.created_at,
            "content_version": payment.content_version,
        }
        return recorded(
            state,
            changed(escalated, facts, status=payment.status),
            action=AuditAction.PAYMENT_ESCALATED,
            event=EventDraft(kind=PaymentEscalated, own=own),
            notes=None,
        )


def _due_at(state: PaymentState) -> datetime | None:
    """When the payment escalates with the fraud status that it has by now; None when it never does.

    Not before the approvals that it has, by whichever clock: else one of them would stand in, and the payment would
    lack nobody and wait for ever.
    """
    if state.rule is None or state.escalate_at is None:
        return None
    later_h = state.rule.escalates_later_h(state.payment.fraud_status)
    if later_h is None:
        return None
    after_approvals = [approval.at + _NEXT_MOMENT for approval in state.payment.approvals]
    return max([state.escalate_at + timedelta(hours=later_h), *after_approvals])


async def step(deps: Deps) -> bool:
    """Escalates what is due by now; whether more may be. Any number of processes may do this at once."""
    async with deps.database.reading() as connection:
        due = await policies.overdue(connection, now=deps.now(), limit=AT_ONCE)
    commands = [
        EscalatePayment(
            command_id=deps.new_id(deps.now()),
            caller=Caller(sub=TIMER, role=Role.SERVICE, org_id=org_id),
            payment_id=payment_id,
        )
        for org_id, payment_id in due
    ]
    await deps.commands.submit_all(commands)
    return len(due) == AT_ONCE
