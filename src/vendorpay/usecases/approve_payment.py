"""Approve a payment: one person's yes to exactly this content; the last one that is needed approves it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from vendorpay.domain import limits
from vendorpay.domain.approval import is_satisfied, ruled
from vendorpay.domain.approval_rule import PEOPLE_MAX
from vendorpay.domain.audit import AuditAction
from vendorpay.domain.errors import DigestMismatch, Forbidden, LimitExceeded
from vendorpay.domain.events import EventDraft, PaymentApproved, PaymentUpdated
from vendorpay.domain.lifecycle import PaymentStatus
from vendorpay.domain.limits import Usage, of_approvals
from vendorpay.domain.payment import Approval, PaymentState
from vendorpay.domain.who_approves import check, delegated_role
from vendorpay.store.claims import DelegationQuestion
from vendorpay.usecases.change_payment import PaymentCommand, changed, recorded
from vendorpay.usecases.command import Facts, Outcome


@dataclass(frozen=True, kw_only=True)
class ApprovePayment(PaymentCommand):
    """Somebody other than the creator says yes; with `expected_digest`, to what they saw and to nothing else."""

    operation = "approve_payment"

    notes: str | None = None
    expected_digest: str | None = None
    on_behalf_of: str | None = None
    """In whose name, by a delegation; the role is theirs then."""

    def delegation_question(self) -> DelegationQuestion | None:
        if self.on_behalf_of is None:
            return None
        return DelegationQuestion(self.caller.org_id, self.on_behalf_of, self.caller.sub)

    def limits_asked(self, state: PaymentState, now: datetime) -> tuple[Usage, ...]:
        approval = Approval(approver_id=self.caller.sub, role="", at=now)
        return of_approvals(state, [approval], now)

    def decide(self, facts: Facts) -> Outcome:
        state = self.found(facts)
        check(state, self.caller.sub, self.on_behalf_of)
        before = state.payment
        if self.expected_digest is not None and self.expected_digest != before.digest:
            raise DigestMismatch(digest=before.digest)
        approval = Approval(
            approver_id=self.caller.sub,
            role=self._role(facts),
            notes=self.notes or None,
            on_behalf_of=self.on_behalf_of,
            at=facts.now,
        )
        approvals = (*before.approvals, approval)
        counted = msgspec.structs.replace(state, approvals_valid=state.approvals_valid + 1)
        given = ruled(msgspec.structs.replace(counted, payment=msgspec.structs.replace(before, approvals=approvals)))
        if given.payment.required_approvals > PEOPLE_MAX:
            raise LimitExceeded(most=PEOPLE_MAX, things="approvals of one payment")
        if not is_satisfied(given):
            after = changed(counted, facts, status=before.status, approvals=approvals)
            action, event = (
                AuditAction.APPROVAL_RECORDED,
                EventDraft(
                    kind=PaymentUpdated,
                    own={"changes": ("approvals",), "content_version": before.content_version},
                ),
            )
        else:
            last = {"approved_by": self.caller.sub, "approved_at": facts.now}
            after = changed(counted, facts, status=PaymentStatus.APPROVED, approvals=approvals, **last)
            action, event = AuditAction.PAYMENT_APPROVED, EventDraft(kind=PaymentApproved, own=last)
        used = of_approvals(state, [approval], after.payment.approved_at)
        limits.check(before.org_id, used, facts.limits_used)
        return recorded(
            state, after, action=action, event=event, notes=self.notes, approval_id=facts.new_id(), used=used
        )

    def _role(self, facts: Facts) -> str:
        """As what the caller approves. Raises Forbidden for another's name without an open delegation of theirs."""
        if self.on_behalf_of is None:
            return self.caller.role.value if self.caller.role else ""
        role = delegated_role(facts.delegations, facts.now)
        if role is None:
            raise Forbidden("You have no delegation of that person that is open.")
        return role
