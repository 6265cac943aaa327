"""Decide a fraud case, give it to somebody, or write something down about it: each a command on its payment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from vendorpay.domain.audit import AuditAction, NewEntry
from vendorpay.domain.errors import FourEyes, FraudCaseDecided
from vendorpay.domain.events import EventDraft, FraudCaseClosed, PaymentCancelled, PaymentRejected, PaymentUpdated
from vendorpay.domain.fraud_cases import CaseReason, CaseStatus, Decision, FraudCase
from vendorpay.domain.fraud_listing import Listing, ListingKind, ListingState
from vendorpay.domain.fraud_setting_events import FraudListingAdded
from vendorpay.domain.lifecycle import PaymentStatus
from vendorpay.domain.payment import FraudGate, Payment, PaymentState
from vendorpay.domain.reasons import ReasonCode
from vendorpay.usecases.change_payment import PaymentCommand, changed
from vendorpay.usecases.command import Facts, Outcome, PaymentChange
from vendorpay.usecases.fraud_change import FraudChange
from vendorpay.usecases.fraud_setting_change import listing_change
from vendorpay.usecases.subject_change import SubjectChange

_ENDS = {
    PaymentStatus.PENDING_APPROVAL: PaymentStatus.REJECTED,
    PaymentStatus.APPROVED: PaymentStatus.CANCELLED,
    PaymentStatus.FAILED: PaymentStatus.CANCELLED,
}
"""What fraud ends a payment in. What is on its way, or ended, stays what it is; there is only a label to give."""


class CaseOfPayment(FraudCase, frozen=True, kw_only=True, rename="camel"):
    """A case with its payment."""

    payment: Payment


@dataclass(frozen=True, kw_only=True)
class CaseCommand(PaymentCommand):
    """A command about the open case of a payment."""

    case_id: UUID

    def opened(self, facts: Facts) -> tuple[PaymentState, FraudCase]:
        """The payment, its row locked, and the case. Raises NotFound, and FraudCaseDecided when it is not open."""
        state = self.found(facts)
        if state.fraud_case is None or state.fraud_case.case_id != self.case_id:
            raise FraudCaseDecided
        return state, state.fraud_case


@dataclass(frozen=True, kw_only=True)
class DecideFraudCase(CaseCommand):
    """Somebody who neither made the payment nor its content says what it is."""

    operation = "decide_fraud_case"

    decision: Decision
    reason_code: CaseReason
    notes: str | None = None
    block_vendor: bool = False

    def decide(self, facts: Facts) -> Outcome:
        state, case = self.opened(facts)
        if self.caller.sub in (state.payment.created_by, state.payment.edited_by):
            raise FourEyes
        decided = msgspec.structs.replace(
            case,
            status=CaseStatus(self.decision.value),
            decided_by=self.caller.sub,
            decided_at=facts.now,
            reason_code=self.reason_code,
            vendor_blocked=self.block_vendor,
            decision_audit_seq=state.chains.audit_seq + 1,
        )
        cleared = self.decision is Decision.CLEARED
        after = _cleared(state, facts) if cleared else _confirmed(state, facts)
        outcome = _recorded(
            state, after, decided, entries=self._entries(state, after), events=self._events(state, after)
        )
        return msgspec.structs.replace(outcome, also=self._also(state.payment, facts))

    def _entries(self, before: PaymentState, after: PaymentState) -> tuple[NewEntry, ...]:
        was, now = before.payment.status, after.payment.status
        cleared = self.decision is Decision.CLEARED
        action = AuditAction.FRAUD_CASE_CLEARED if cleared else AuditAction.FRAUD_CASE_CONFIRMED
        first = _entry(before, action, was, reason_code=self.reason_code.value, notes=self.notes)
        if now is was:
            return (first,)
        ended = AuditAction.PAYMENT_REJECTED if now is PaymentStatus.REJECTED else AuditAction.PAYMENT_CANCELLED
        return first, _entry(before, ended, now, reason_code=_reason_of(self.reason_code))

    def _events(self, before: PaymentState, after: PaymentState) -> tuple[EventDraft, ...]:
        by, code = self.caller.sub, _reason_of(self.reason_code)
        own = {
            "case_id": self.case_id,
            "decision": self.decision,
            "reason_code": self.reason_code,
            "decided_by": by,
        }
        decided = EventDraft(kind=FraudCaseClosed, own=own)
        was, now = before.payment.status, after.payment.status
        if now is was:
            return (decided,)
        if now is PaymentStatus.REJECTED:
            return decided, EventDraft(kind=PaymentRejected, own={"rejected_by": by, "reason_code": code})
        more = {"cancelled_by": by, "reason_code": code, "previous_status": was}
        return decided, EventDraft(kind=PaymentCancelled, own=more)

    def _also(self, payment: Payment, facts: Facts) -> tuple[SubjectChange, ...]:
        """The vendor's block, in a chain of its own."""
        if not self.block_vendor:
            return ()
        listing = Listing(
            listing_id=facts.new_id(),
            vendor_id=payment.vendor_id,
            kind=ListingKind.BLOCK,
            reason_code=self.reason_code,
            listed_by=self.caller.sub,
            listed_at=facts.now,
            case_id=self.case_id,
        )
        state = ListingState(org_id=payment.org_id, listing=listing)
        event = EventDraft(kind=FraudListingAdded, own={"listed_by": self.caller.sub})
        return (listing_change(None, state, AuditAction.FRAUD_LISTING_ADDED, event),)


@dataclass(frozen=True, kw_only=True)
class AssignFraudCase(CaseCommand):
    """A case is given to somebody, or to nobody again."""

    operation = "assign_fraud_case"

    assignee: str | None

    def decide(self, facts: Facts) -> Outcome:
        state, case = self.opened(facts)
        given = msgspec.structs.replace(
            case, assignee=self.assignee, assigned_at=None if self.assignee is None else facts.now
        )
        return _told(state, given, facts, AuditAction.FRAUD_CASE_ASSIGNED, self.assignee)


@dataclass(frozen=True, kw_only=True)
class NoteFraudCase(CaseCommand):
    """What somebody found out, for whoever decides."""

    operation = "note_fraud_case"

    notes: str

    def decide(self, facts: Facts) -> Outcome:
        state, case = self.opened(facts)
        return _told(state, case, facts, AuditAction.FRAUD_CASE_NOTED, self.notes)


def _cleared(state: PaymentState, facts: Facts) -> PaymentState:
    """The gate opens; unless the content was edited meanwhile, and is still to be scored."""
    scored = state.payment.fraud_status is not None
    gate = FraudGate.CLEAR if scored else FraudGate.SCORE_PENDING
    opened = msgspec.structs.replace(state, fraud_gate=gate, fraud_case=None)
    return changed(opened, facts, status=state.payment.status)


def _confirmed(state: PaymentState, facts: Facts) -> PaymentState:
    """The gate stays shut for good."""
    status = state.payment.status
    return changed(msgspec.structs.replace(state, fraud_case=None), facts, status=_ENDS.get(status, status))


def _told(state: PaymentState, case: FraudCase, facts: Facts, action: AuditAction, words: str | None) -> Outcome:
    after = changed(msgspec.structs.replace(state, fraud_case=case), facts, status=state.payment.status)
    own = {"changes": ("fraudCase",), "content_version": state.payment.content_version}
    return _recorded(
        state,
        after,
        case,
        entries=(_entry(state, action, state.payment.status, notes=words),),
        events=(EventDraft(kind=PaymentUpdated, own=own),),
    )


def _entry(before: PaymentState, action: AuditAction, status: PaymentStatus, **more: Any) -> NewEntry:
    was, digest = before.payment.status, before.payment.digest
    return NewEntry(action=action, previous_status=was, new_status=status, content_digest=digest, **more)


def _recorded(
    before: PaymentState,
    after: PaymentState,
    case: FraudCase,
    *,
    entries: tuple[NewEntry, ...],
    events: tuple[EventDraft, ...],
) -> Outcome:
    shown = CaseOfPayment(**msgspec.structs.asdict(case), payment=after.payment)
    return Outcome(
        answer=msgspec.json.encode(shown),
        payment_id=before.payment.payment_id,
        change=PaymentChange(state=after, entries=entries, events=events, fraud=FraudChange(changed=case)),
    )


def _reason_of(reason: CaseReason) -> str:
    """The payment's own reason code, where it has the same one."""
    return reason.value if reason.value in set(ReasonCode) else ReasonCode.OTHER.value
