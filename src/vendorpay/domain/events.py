"""The events we publish (contract section 5): one struct per type, numbered per payment or other subject.

No event holds free text or a secret: events are never changed and go to others, and a person's words must stay
erasable (correctness.md 18).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from vendorpay.domain.fraud_cases import CaseCause, CaseReason, Decision
from vendorpay.domain.lifecycle import PaymentStatus
from vendorpay.domain.payment import Chains, HoldKind, PayerType, Payment

EVENT_VERSION = "1"


class PublishedEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the detail of every event has; `sequence` counts 1, 2, 3.. for what the event is about."""

    event_id: UUID
    sequence: int
    occurred_at: datetime
    version: str = EVENT_VERSION


class PaymentEvent(PublishedEvent, frozen=True, kw_only=True, rename="camel"):
    """What the detail of every event about a payment has."""

    payment_id: UUID
    incident_id: UUID
    vendor_id: UUID
    amount_cents: int
    currency: str
    status: PaymentStatus


class PaymentCreated(PaymentEvent, frozen=True, kw_only=True, rename="camel"):
    """A payment waits for approval."""

    payer_type: PayerType
    payer_id: UUID | None
    reference: str
    created_by: str
    created_at: datetime


class PaymentUpdated(PaymentEvent, frozen=True, kw_only=True, rename="camel"):
    """Something about a payment changed that has no event of its own; `changes` names the fields.

    With a new `contentVersion`, what is to be paid is another, and waits for approval again.
    """

    changes: tuple[str, ...]
    content_version: int


class PaymentApproved(PaymentEvent, frozen=True, kw_only=True, rename="camel"):
    """The last approval that was needed has been given."""

    approved_by: str
    approved_at: datetime


class PaymentRejected(PaymentEvent, frozen=True, kw_only=True, rename="camel"):
    """A reviewer said no."""

    rejected_by: str
    reason_code: str | None


class PaymentCancelled(PaymentEvent, frozen=True, kw_only=True, rename="camel"):
    """The payment will not be made after all."""

    cancelled_by: str
    reason_code: str | None
    previous_status: PaymentStatus


class PaymentHeld(PaymentEvent, frozen=True, kw_only=True, rename="camel"):
    """The payment stops until the hold is released."""

    kind: HoldKind
    held_by: str
    reason_code: str | None


class PaymentReleased(PaymentEvent, frozen=True, kw_only=True, rename="camel"):
    """All holds of these kinds were released; the payment goes on when no other is open."""

    kinds: tuple[HoldKind, ...]
    released_by: str


class PaymentScored(PaymentEvent, frozen=True, kw_only=True, rename="camel"):
    """The content was scored for fraud. Without a score there was none to be had; it is tried again."""

    fraud_score: float | None
    fraud_status: str
    fraud_reasons: tuple[str, ...]
    content_version: int
    rule_set_version: str
    provider: str


class FraudDetected(PaymentEvent, frozen=True, kw_only=True, rename="camel"):
    """The payment is flagged: it waits until somebody has decided its case."""

    case_id: UUID
    cause: CaseCause
    fraud_score: float | None
    fraud_reasons: tuple[str, ...]


class FraudCaseClosed(PaymentEvent, frozen=True, kw_only=True, rename="camel"):
    """Somebody looked at a flagged payment: `cleared`, it goes on; `confirmed`, it is not made."""

    case_id: UUID
    decision: Decision
    reason_code: CaseReason
    decided_by: str


class PaymentEscalated(PaymentEvent, frozen=True, kw_only=True, rename="camel"):
    """It has waited for longer than its rule allows: from now on people of `role` may stand in at every step."""

    rule: str
    role: str
    waiting_since: datetime
    content_version: int


class EventDraft(msgspec.Struct, frozen=True, kw_only=True):
    """An event without what follows from its subject: its type, and the fields that are its own."""

    kind: type[PublishedEvent]
    own: Mapping[str, Any] = msgspec.field(default_factory=dict)


def about_payment(payment: Payment) -> Mapping[str, Any]:
    """What every event about a payment says of it."""
    return {
        "payment_id": payment.payment_id,
        "incident_id": payment.incident_id,
        "vendor_id": payment.vendor_id,
        "amount_cents": payment.amount_cents,
        "currency": payment.currency,
        "status": payment.status,
    }


def number(
    chains: Chains,
    drafts: Sequence[EventDraft],
    about: Mapping[str, Any],
    *,
    now: datetime,
    new_id: Callable[[], UUID],
) -> tuple[Chains, list[PublishedEvent]]:
    """The drafts as events `about` their subject, numbered on from its last one, and how far the numbers have come."""
    events = [
        draft.kind(event_id=new_id(), sequence=sequence, occurred_at=now, **about, **draft.own)
        for sequence, draft in enumerate(drafts, start=chains.event_seq + 1)
    ]
    return msgspec.structs.replace(chains, event_seq=chains.event_seq + len(events)), events
