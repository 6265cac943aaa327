"""Create a payment: it waits for approval from its first moment, and is scored and published like any other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import msgspec

from vendorpay.domain.approval_rule import Source
from vendorpay.domain.audit import AuditAction, NewEntry
from vendorpay.domain.errors import DuplicatePayment
from vendorpay.domain.events import EventDraft, PaymentCreated
from vendorpay.domain.new_payment import NewPayment, begin
from vendorpay.domain.payment import FraudGate, PaymentState
from vendorpay.store.claims import JobClaim
from vendorpay.usecases.choose_rule import under_policy
from vendorpay.usecases.command import Command, Facts, Outcome, PaymentChange


@dataclass(frozen=True, kw_only=True)
class CreatePayment(Command):
    """A person or program asks for a payment; a second live one for the same job is refused."""

    operation = "create_payment"
    refused_by_keys = True
    source: ClassVar[Source] = Source.API

    new: NewPayment
    required_approvals: int = 1
    """Where no policy applies."""

    def asks_policy(self) -> bool:
        return True

    @cached_property
    def _job(self) -> JobClaim:
        return job_of(self, self.new)

    def job_claim(self) -> JobClaim:
        return self._job

    def lines(self) -> int:
        return len(self.new.line_items)

    def decide(self, facts: Facts) -> Outcome:
        if facts.twin is not None and facts.twin.live:
            raise DuplicatePayment(facts.twin.payment_id)
        change = birth(self, self.new, self.required_approvals, facts, self.source)
        payment = change.state.payment
        return Outcome(answer=msgspec.json.encode(payment), payment_id=payment.payment_id, change=change)


def job_of(command: Command, new: NewPayment) -> JobClaim:
    """The job that a new payment is for."""
    return JobClaim(command.caller.org_id, new.incident_id, new.vendor_id, new.reference)


def birth(command: Command, new: NewPayment, required_approvals: int, facts: Facts, source: Source) -> PaymentChange:
    """A new payment with its first audit entry and event, the same for every way in."""
    state: PaymentState = begin(
        new,
        org_id=command.caller.org_id,
        created_by=command.caller.sub,
        required_approvals=required_approvals,
        now=facts.now,
        new_id=facts.new_id,
    )
    if facts.scoring:
        state = msgspec.structs.replace(state, fraud_gate=FraudGate.SCORE_PENDING)
    payment = state.payment
    entry = NewEntry(
        action=AuditAction.PAYMENT_CREATED,
        previous_status=None,
        new_status=payment.status,
        content_digest=payment.digest,
    )
    own = {
        "payer_type": payment.payer_type,
        "payer_id": payment.payer_id,
        "reference": payment.reference,
        "created_by": payment.created_by,
        "created_at": payment.created_at,
    }
    event = EventDraft(kind=PaymentCreated, own=own)
    change = PaymentChange(state=state, entries=(entry,), events=(event,), born=True)
    return under_policy(change, facts, source)
