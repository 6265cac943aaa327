"""What the decisions about an existing payment have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from vendorpay.domain.approval import ruled
from vendorpay.domain.audit import AuditAction, NewEntry
from vendorpay.domain.errors import NotFound, PreconditionFailed
from vendorpay.domain.events import EventDraft
from vendorpay.domain.lifecycle import PaymentStatus, move
from vendorpay.domain.payment import PaymentState
from vendorpay.store.subjects import PaymentClaim
from vendorpay.usecases.command import Command, Facts, Outcome, PaymentChange


@dataclass(frozen=True, kw_only=True)
class PaymentCommand(Command):
    """A command about one payment, whose row it locks."""

    payment_id: UUID
    versions: frozenset[int] | None = None
    """The versions that the caller knows it by (If-Match); None when any will do."""

    def subject_claim(self) -> PaymentClaim:
        return PaymentClaim(self.caller.org_id, self.payment_id)

    def found(self, facts: Facts) -> PaymentState:
        """The payment as it is, its row locked. Raises NotFound, and PreconditionFailed for another version."""
        if facts.state is None:
            raise NotFound(subject="payment", id=self.payment_id)
        version = facts.state.payment.version
        if self.versions is not None and version not in self.versions:
            raise PreconditionFailed(version=version)
        return facts.state


@dataclass(frozen=True, kw_only=True)
class ReasonedCommand(PaymentCommand):
    """A command that says why: in words, and from a closed set when one of it fits."""

    reason: str
    reason_code: str | None = None
    notes: str | None = None

    @property
    def words(self) -> str:
        """The text that goes on record: the reason, and below it what else was said."""
        return f"{self.reason}\n\n{self.notes}" if self.notes else self.reason


def changed(state: PaymentState, facts: Facts, *, status: PaymentStatus, **fields: Any) -> PaymentState:
    """The state after an update: moved along the table (or left where it is), one version on."""
    before = state.payment
    target = before.status if status is before.status else move(before.status, status)
    after = msgspec.structs.replace(before, status=target, version=before.version + 1, updated_at=facts.now, **fields)
    return ruled(msgspec.structs.replace(state, payment=after))


def recorded(
    before: PaymentState,
    after: PaymentState,
    *,
    action: AuditAction,
    event: EventDraft,
    notes: str | None,
    reason_code: str | None = None,
    also: AuditAction | None = None,
    **of_change: Any,
) -> Outcome:
    """The outcome of one decision: an audit entry, and one more for what followed from it (`also`); one event; and the
    payment as the answer. `of_change` says what else a PaymentChange holds, by the names of its fields.
    """
    payment = after.payment
    entry = NewEntry(
        action=action,
        previous_status=before.payment.status,
        new_status=payment.status,
        content_digest=payment.digest,
        reason_code=reason_code,
        notes=notes,
    )
    entries: tuple[NewEntry, ...] = (entry,)
    if also is not None:
        followed = NewEntry(
            action=also,
            previous_status=payment.status,
            new_status=payment.status,
            content_digest=payment.digest,
        )
        entries = (entry, followed)
    change = PaymentChange(state=after, entries=entries, events=(event,), **of_change)
    return Outcome(answer=msgspec.json.encode(payment), payment_id=payment.payment_id, change=change)


def unchanged(state: PaymentState) -> Outcome:
    """The outcome of a wish that is fulfilled already: the payment as it is, and nothing on record of it."""
    payment = state.payment
    return Outcome(answer=msgspec.json.encode(payment), payment_id=payment.payment_id)
