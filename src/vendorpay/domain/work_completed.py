"""WorkCompleted, the event that completed work arrives as, and the payment it asks for (contract section 5).

Unknown fields are ignored; a missing or wrong one makes the event unacceptable, with every fault named. `basePrice`,
`mileageCharge` and `amount` are minor units of the currency.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from vendorpay.domain import new_payment, parsing
from vendorpay.domain.errors import FieldFault, InvalidEvent, MalformedJson
from vendorpay.domain.money import AMOUNT_MAX, UNIT_PRICE_MAX
from vendorpay.domain.new_payment import Currency, NewLine, NewPayment
from vendorpay.domain.payment import PayerType
from vendorpay.domain.text import METADATA_BYTES_MAX, NO_CONTROL, NO_NUL, Line, Reference

DETAIL_TYPE: Final = "WorkCompleted"
CHARGES_MAX: Final = new_payment.LINES_MAX - 2
DURATION_MAX: Final = 10_000_000
FAULTS_MAX: Final = 100
"""How many faults of one event are named; a request holds a thousand events."""
EVENT_BYTES_MAX: Final = 1024 * 1024
"""How large an event may be: to look for repeated keys in more would hold everybody up."""

Price = Annotated[int, Meta(ge=0, le=UNIT_PRICE_MAX)]
EventId = Annotated[str, Meta(min_length=1, max_length=128, pattern=NO_CONTROL)]
Moment = Annotated[datetime, Meta(tz=True)]


class Charge(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Something on top of base price and mileage."""

    description: Line
    amount: Price


class Pricing(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the work costs, in minor units."""

    base_price: Price
    mileage_charge: Price
    additional_charges: Annotated[tuple[Charge, ...], Meta(max_length=CHARGES_MAX)] | None = None


class WorkDetails(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What was done; `duration` in minutes."""

    service_type: Annotated[str, Meta(min_length=1, max_length=200, pattern=NO_CONTROL)]
    duration: Annotated[int, Meta(ge=0, le=DURATION_MAX)]
    photos: tuple[str, ...]
    notes: Annotated[str, Meta(pattern=NO_NUL)] | None = None


class Detail(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The event's own content."""

    incident_id: UUID
    vendor_id: UUID
    completed_at: Moment
    work_details: WorkDetails
    pricing: Pricing
    driver_id: UUID | None = None
    payer_type: PayerType | None = None
    currency: Currency | None = None
    reference: Reference | None = None


class WorkCompleted(msgspec.Struct, frozen=True, kw_only=True):
    """The EventBridge envelope with its detail."""

    id: EventId
    source: EventId
    detail_type: str = msgspec.field(name="detail-type")
    time: Moment
    detail: Detail


def read(raw: bytes, sources: Collection[str], most: int = FAULTS_MAX) -> tuple[WorkCompleted, NewPayment]:
    """The event in `raw` and the payment it asks for.

    Raises InvalidEvent with the reason and every fault, at most `most` of them.
    """
    if len(raw) > EVENT_BYTES_MAX:
        raise InvalidEvent(f"it is larger than {EVENT_BYTES_MAX} bytes")
    try:
        event, faults = parsing.parse(raw, WorkCompleted, lambda fields: _rules(fields, sources), most)
    except MalformedJson as error:
        raise InvalidEvent(str(error)) from None
    if event is None:
        raise InvalidEvent(_reason(faults), faults)
    wanted = _payment(event.detail)
    faults = new_payment.check({name: getattr(wanted, name) for name in wanted.__struct_fields__})
    if faults:
        raise InvalidEvent(_reason(faults), faults)
    return event, wanted


def event_id(raw: bytes) -> str | None:
    """The id of an event that may be unacceptable otherwise, to answer for it by name."""
    try:
        return msgspec.json.decode(raw, type=_Named).id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


class _Named(msgspec.Struct):
    id: EventId


def _reason(faults: list[FieldFault]) -> str:
    return "; ".join(f"{fault.field} {fault.message}" for fault in faults[:3])


def _rules(fields: Mapping[str, Any], sources: Collection[str]) -> list[FieldFault]:
    faults = []
    if fields.get("detail_type", DETAIL_TYPE) != DETAIL_TYPE:
        faults.append(FieldFault("detail-type", f"is not a type that is consumed here; {DETAIL_TYPE} is"))
    if "source" in fields and fields["source"] not in sources:
        faults.append(FieldFault("source", f"is not one that is listened to: {', '.join(sorted(sources))}"))
    if (detail := fields.get("detail")) is not None:
        faults.extend(_detail_rules(detail))
    return faults


def _detail_rules(detail: Detail) -> list[FieldFault]:
    if not 1970 <= detail.completed_at.year <= 9998:
        # Further out, a time overflows when it is turned to UTC, and so no metadata can be made.
        return [FieldFault("detail.completedAt", "must be between the years 1970 and 9998")]
    faults = []
    if detail.payer_type is PayerType.DRIVER_IC and detail.driver_id is None:
        faults.append(FieldFault("detail.driverId", "is required when payerType is driver_ic"))
    total = sum(line.unit_price_cents for line in _lines(detail))
    if not 1 <= total <= AMOUNT_MAX:
        faults.append(FieldFault("detail.pricing", f"adds up to {total}; it must be between 1 and {AMOUNT_MAX}"))
    if len(msgspec.json.encode(_metadata(detail))) > METADATA_BYTES_MAX:
        faults.append(FieldFault("detail.workDetails.notes", f"make more than {METADATA_BYTES_MAX} bytes of metadata"))
    return faults


def _lines(detail: Detail) -> list[NewLine]:
    pricing = detail.pricing
    priced = [(f"{detail.work_details.service_type} - Base Service", pricing.base_price)]
    if pricing.mileage_charge:
        priced.append(("Mileage Charge", pricing.mileage_charge))
    priced += [(charge.description, charge.amount) for charge in pricing.additional_charges or ()]
    return [NewLine(description=words, quantity=1, unit_price_cents=price) for words, price in priced]


def _metadata(detail: Detail) -> dict[str, Any]:
    work = detail.work_details
    return {
        "workCompletedAt": detail.completed_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "serviceType": work.service_type,
        "duration": work.duration,
        "photoCount": len(work.photos),
        "notes": work.notes or "",
    }


def _payment(detail: Detail) -> NewPayment:
    lines = _lines(detail)
    payer_type = detail.payer_type or PayerType.BACK_OFFICE
    return NewPayment(
        incident_id=detail.incident_id,
        vendor_id=detail.vendor_id,
        payer_type=payer_type,
        payer_id=detail.driver_id if payer_type is PayerType.DRIVER_IC else None,
        amount_cents=sum(line.unit_price_cents for line in lines),
        currency=detail.currency or "USD",
        reference=detail.reference or "",
        line_items=tuple(lines),
        metadata=_metadata(detail),
    )
