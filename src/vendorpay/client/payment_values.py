"""Payments as the service shows them, and what is said to it of new ones. Amounts in the currency's minor units."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from vendorpay.client.answers import Answered, Page
from vendorpay.client.problem import ProblemDetail


class NewLine(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A position to be paid."""

    description: str
    quantity: int
    unit_price_cents: int


class NewPayment(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A payment to be created; the sum of the lines must be the amount. `payer_id` is the driver's, for driver_ic."""

    incident_id: UUID | str
    vendor_id: UUID | str
    payer_type: str
    amount_cents: int
    line_items: Sequence[NewLine]
    payer_id: UUID | str | None = None
    currency: str = "USD"
    reference: str = ""
    metadata: dict[str, Any] = {}


class LineItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One position of the bill."""

    line_item_id: UUID
    line_no: int
    description: str
    quantity: int
    unit_price_cents: int
    total_cents: int


class Approval(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One person's yes to one content of a payment."""

    approver_id: str
    role: str
    at: datetime
    notes: str | None = None
    on_behalf_of: str | None = None


class StepStanding(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A step of a payment's rule: so many people of a role, or of those named."""

    role: str | None
    people: tuple[str, ...]
    quorum: int
    given: int


class AlternativeStanding(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One list of steps, and how many approvals it still lacks."""

    steps: tuple[StepStanding, ...]
    open: int


class PolicyStanding(AlternativeStanding, frozen=True, kw_only=True, rename="camel"):
    """The rule of the approval policy that applies to a payment."""

    version: int
    rule: str
    effect: str
    others: tuple[AlternativeStanding, ...] = ()


class Hold(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Something that must be settled before the payment goes on."""

    kind: str
    reason: str
    by: str
    at: datetime


class FraudReason(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Why the fraud score is what it is."""

    code: str
    message: str


class Payout(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How far the money is on its way."""

    status: str
    attempts: int
    provider: str
    provider_reference: str | None = None
    retry_at: datetime | None = None


class Payment(Answered, frozen=True, kw_only=True, rename="camel"):
    """A payment. Vendors and drivers are not shown the back office's side: to them it has the defaults."""

    payment_id: UUID
    org_id: str
    incident_id: UUID
    vendor_id: UUID
    reference: str
    payer_type: str
    payer_id: UUID | None
    amount_cents: int
    currency: str
    status: str
    version: int
    content_version: int
    digest: str
    line_items: tuple[LineItem, ...]
    required_approvals: int
    created_by: str
    created_at: datetime
    updated_at: datetime
    approved_at: datetime | None = None
    payout: Payout | None = None
    stripe_payment_intent_id: str | None = None
    stripe_transfer_id: str | None = None
    processed_at: datetime | None = None
    completed_at: datetime | None = None
    failed_reason: str | None = None
    failed_code: str | None = None
    approvals: tuple[Approval, ...] = ()
    policy: PolicyStanding | None = None
    approved_by: str | None = None
    edited_by: str | None = None
    holds: tuple[Hold, ...] = ()
    fraud_score: float | None = None
    fraud_status: str | None = None
    fraud_reasons: tuple[FraudReason, ...] = ()
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)


class PaymentPage(Page[Payment], frozen=True, kw_only=True, rename="camel"):
    """One page of payments."""

    payments: tuple[Payment, ...]
    next_cursor: str | None


class Pagination(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which page it is; `count` is how many payments are on it."""

    limit: int
    offset: int
    count: int
    next_cursor: str | None


class PendingPage(Page[Payment], frozen=True, kw_only=True, rename="camel"):
    """One page of what waits for approval."""

    payments: tuple[Payment, ...]
    pagination: Pagination

    @property
    def cursor(self) -> str | None:
        return self.pagination.next_cursor


class AuditLine(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One entry of a payment's history."""

    log_id: UUID
    subject_type: str
    subject_id: UUID
    payment_id: UUID | None
    seq: int
    action: str
    actor_id: str
    actor_type: str
    previous_status: str | None
    new_status: str | None
    reason_code: str | None
    notes: str | None
    timestamp: datetime
    prev_hash: str
    hash: str


class AuditLog(Answered, frozen=True, kw_only=True, rename="camel"):
    """A payment's history, oldest first."""

    entries: tuple[AuditLine, ...]


class BulkResult(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of the item at place `index`, counted from 0: the payment, or why it was refused."""

    index: int
    status: int
    replayed: bool = False
    payment: Payment | None = None
    problem: ProblemDetail | None = None


class BulkResults(Answered, frozen=True, kw_only=True, rename="camel"):
    """What became of each item, in the order they were sent."""

    results: tuple[BulkResult, ...]


class Outcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of an item, in short: `code`, `detail` and `errors` of its problem, and nothing of its payment."""

    index: int
    status: int
    replayed: bool = False
    problem: ProblemDetail | None = None
