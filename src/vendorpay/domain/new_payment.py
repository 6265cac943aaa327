"""What is needed to create a payment, and the rules across its fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from vendorpay.domain.currencies import EXPONENTS
from vendorpay.domain.errors import FieldFault
from vendorpay.domain.lifecycle import PaymentStatus
from vendorpay.domain.money import AMOUNT_MAX, UNIT_PRICE_MAX
from vendorpay.domain.payment import LineItem, PayerType, Payment, PaymentState, content_digest
from vendorpay.domain.text import METADATA_BYTES_MAX, Count, Line, Reference, metadata_fault

LINES_MAX: Final = 200

if TYPE_CHECKING:
    Currency = str
else:
    Currency = Literal[tuple(EXPONENTS)]  # an ISO 4217 code; type checkers cannot follow a computed Literal

Amount = Annotated[int, Meta(ge=1, le=AMOUNT_MAX)]
UnitPrice = Annotated[int, Meta(ge=0, le=UNIT_PRICE_MAX)]


class NewLine(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A position to be paid: `quantity` times `unit_price_cents`, in minor units."""

    description: Line
    quantity: Count
    unit_price_cents: UnitPrice


NewLines = Annotated[tuple[NewLine, ...], Meta(min_length=1, max_length=LINES_MAX)]


class NewPayment(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A payment that does not exist yet. `check` tells what its types cannot."""

    incident_id: UUID
    vendor_id: UUID
    payer_type: PayerType
    amount_cents: Amount
    line_items: NewLines
    payer_id: UUID | None = None
    currency: Currency = "USD"
    reference: Reference = ""
    metadata: dict[str, Any] = {}


def check(fields: Mapping[str, Any]) -> list[FieldFault]:
    """The faults across the fields of a NewPayment; fields that are wrong by themselves are left out of `fields`."""
    faults: list[FieldFault] = []
    if "amount_cents" in fields and "line_items" in fields:
        faults += sum_faults(fields["amount_cents"], fields["line_items"])
    if fields.get("payer_type") is PayerType.DRIVER_IC and fields.get("payer_id", 0) is None:
        faults.append(FieldFault("payerId", "is required when payerType is driver_ic"))
    if (metadata := fields.get("metadata")) is not None:
        faults += metadata_faults(metadata)
    return faults


def sum_faults(amount_cents: int, lines: Sequence[NewLine | LineItem]) -> list[FieldFault]:
    """The fault of an amount that is not the sum of its lines (contract 4.2)."""
    total = sum(line.quantity * line.unit_price_cents for line in lines)
    if total == amount_cents:
        return []
    return [FieldFault("amountCents", f"is {amount_cents}, but the line items add up to {total}")]


def metadata_faults(metadata: dict[str, Any]) -> list[FieldFault]:
    """The fault of metadata that cannot be stored, or is too large (contract 4.2)."""
    words = metadata_fault(metadata)
    if words is None and len(msgspec.json.encode(metadata)) > METADATA_BYTES_MAX:
        words = f"is larger than {METADATA_BYTES_MAX} bytes of JSON"
    return [] if words is None else [FieldFault("metadata", words)]


def numbered(lines: Iterable[NewLine], new_id: Callable[[], UUID]) -> tuple[LineItem, ...]:
    """The lines as they are stored: numbered from 1, each with its total."""
    return tuple(
        LineItem(
            line_item_id=new_id(),
            line_no=number,
            description=line.description,
            quantity=line.quantity,
            unit_price_cents=line.unit_price_cents,
            total_cents=line.quantity * line.unit_price_cents,
        )
        for number, line in enumerate(lines, start=1)
    )


def begin(
    new: NewPayment, *, org_id: str, created_by: str, required_approvals: int, now: datetime, new_id: Callable[[], UUID]
) -> PaymentState:
    """The payment as it begins: waiting for approval, with its lines numbered from 1 and its content's digest."""
    lines = numbered(new.line_items, new_id)
    digest = content_digest(
        incident_id=new.incident_id,
        vendor_id=new.vendor_id,
        payer_type=new.payer_type,
        payer_id=new.payer_id,
        amount_cents=new.amount_cents,
        currency=new.currency,
        payee_account_version=0,
        lines=lines,
    )
    payment = Payment(
        payment_id=new_id(),
        org_id=org_id,
        incident_id=new.incident_id,
        vendor_id=new.vendor_id,
        reference=new.reference,
        payer_type=new.payer_type,
        payer_id=new.payer_id,
        amount_cents=new.amount_cents,
        currency=new.currency,
        status=PaymentStatus.PENDING_APPROVAL,
        version=1,
        content_version=1,
        digest=digest,
        line_items=lines,
        required_approvals=0 if new.payer_type is PayerType.DRIVER_IC else required_approvals,
        created_by=created_by,
        created_at=now,
        updated_at=now,
        metadata=new.metadata,
    )
    return PaymentState(payment=payment)
