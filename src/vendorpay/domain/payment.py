"""A payment and its parts, as the contract shows them (contract section 4)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec

from vendorpay.domain.approval_rule import ChosenRule, PolicyStanding
from vendorpay.domain.fraud_cases import FraudCase
from vendorpay.domain.lifecycle import PaymentStatus


class PayerType(StrEnum):
    """Who pays: the company's back office, or a driver who is an independent contractor."""

    BACK_OFFICE = "back_office"
    DRIVER_IC = "driver_ic"


class FraudGate(StrEnum):
    """What the fraud side says to an approval; `clear` where nothing was asked of it."""

    CLEAR = "clear"
    SCORE_PENDING = "score_pending"
    REVIEW_REQUIRED = "review_required"


class HoldKind(StrEnum):
    """Who stops a payment: a person, or the part of the service that watches over fraud, accounts or disputes."""

    MANUAL = "manual"
    FRAUD = "fraud"
    PAYEE_CHANGE = "payee_change"
    DISPUTE = "dispute"


HOLDS_MAX: Final = 20
"""How many open holds of a kind a payment has at most; the trigger `holds_check_insert` says it again."""


class LineItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One position of the bill; amounts in minor units of the payment's currency."""

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
    notes: str | None = None
    on_behalf_of: str | None = None
    """Who had handed this over to the approver for a time; the role is theirs then."""
    at: datetime


class Hold(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Something that must be settled before the payment goes on; the reason is "" once its words were erased."""

    kind: HoldKind
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


class PayeePayment(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A payment as its vendor or driver sees it: no fraud fields, no notes, no approvals' names, no metadata."""

    payment_id: UUID
    org_id: str
    incident_id: UUID
    vendor_id: UUID
    reference: str
    payer_type: PayerType
    payer_id: UUID | None
    amount_cents: int
    currency: str
    status: PaymentStatus
    version: int
    content_version: int
    digest: str
    line_items: tuple[LineItem, ...]
    required_approvals: int
    approved_at: datetime | None = None
    payout: Payout | None = None
    stripe_payment_intent_id: str | None = None
    stripe_transfer_id: str | None = None
    processed_at: datetime | None = None
    completed_at: datetime | None = None
    failed_reason: str | None = None
    failed_code: str | None = None
    created_by: str
    created_at: datetime
    updated_at: datetime


class Payment(PayeePayment, frozen=True, kw_only=True, rename="camel"):
    """A payment as the back office sees it."""

    approvals: tuple[Approval, ...] = ()
    policy: PolicyStanding | None = None
    """The rule that applies; None where a plain number of approvals is asked for."""
    approved_by: str | None = None
    edited_by: str | None = None
    """Who made the present content, when that is not the creator's."""
    holds: tuple[Hold, ...] = ()
    fraud_score: float | None = None
    fraud_status: str | None = None
    fraud_reasons: tuple[FraudReason, ...] = ()
    metadata: dict[str, Any] = {}


def for_payee(payment: Payment) -> PayeePayment:
    """The same payment without what only the back office may see."""
    return PayeePayment(**{name: getattr(payment, name) for name in PayeePayment.__struct_fields__})


class Chains(msgspec.Struct, frozen=True, kw_only=True):
    """How far a subject's audit chain and its events have come; kept in its row, under its lock."""

    audit_seq: int = 0
    audit_head: bytes = bytes(32)
    event_seq: int = 0


class PaymentState(msgspec.Struct, frozen=True, kw_only=True):
    """A payment with the facts its rules need (correctness.md 6) and that nobody outside sees."""

    payment: Payment
    chains: Chains = Chains()
    open_holds: int = 0
    fraud_gate: FraudGate = FraudGate.CLEAR
    fraud_case: FraudCase | None = None
    """The open one."""
    payee_account_version: int = 0
    approvals_valid: int = 0
    rule: ChosenRule | None = None
    escalate_at: datetime | None = None
    escalated_at: datetime | None = None
    payee_changed_by: str | None = None
    """Who changed the account that it is paid to."""


def content_digest(
    *,
    incident_id: UUID,
    vendor_id: UUID,
    payer_type: str,
    payer_id: UUID | None,
    amount_cents: int,
    currency: str,
    payee_account_version: int,
    lines: Sequence[LineItem],
) -> str:
    """What an approver signs: SHA-256, as hexadecimal digits, over the JSON array

    `[incident, vendor, payer type, payer or null, amount, currency, payee account version,
    [[description, quantity, unit price], ..]]` in UTF-8 without spaces, lines in the order of their numbers.
    """
    parts = [[line.description, line.quantity, line.unit_price_cents] for line in lines]
    who = [str(incident_id), str(vendor_id), str(payer_type), None if payer_id is None else str(payer_id)]
    content = [*who, amount_cents, currency, payee_account_version, parts]
    return hashlib.sha256(msgspec.json.encode(content)).hexdigest()
