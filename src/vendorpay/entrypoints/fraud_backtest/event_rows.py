"""WorkCompleted events from anywhere, as rows of a fraud history.

Files of others may be looser than what the service takes in: ids that are no UUIDs, a mileage or photos left out. Such
an event is scored all the same, with what it does not tell as unknown; only one without an id, a time, a vendor or a
price is refused.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from vendorpay.domain.fraud.rows import FraudRow, line_parts, service_of
from vendorpay.domain.fraud.told import photos_key
from vendorpay.domain.fraud.words import similarity_key
from vendorpay.domain.money import AMOUNT_MAX

PEOPLE: Final = (
    "dispatcherId",
    "dispatcher_id",
    "dispatcher",
    "dispatchedBy",
    "assignedBy",
    "publisher",
    "publishedBy",
    "createdBy",
)
"""How generators and bridges call who sent the job; the service itself knows the publisher from the token."""
PLACES: Final = ("metadata", "workDetails", "dispatch", "assignment")
"""Where in the detail they write it, if not in the detail itself."""
_IN_NOTES: Final = re.compile(r"dispatch(?:er|ed)?\W+(?:by\W+|id\W+)?([\w.@-]{2,60})", re.IGNORECASE)
NUMBER_DIGITS_MAX: Final = 14


class NotAnEvent(Exception):
    """The line is no event that can be scored; the message says why."""


class EventRow(msgspec.Struct, frozen=True):
    """One event: its id, and its row but for the payment's id, which only its turn gives."""

    event_id: str
    row: FraudRow


def event_row(raw: bytes) -> EventRow:
    """The row of one line. Raises NotAnEvent."""
    try:
        event = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise NotAnEvent("the line is not JSON") from None
    if not isinstance(event, dict):
        raise NotAnEvent("the line is not a JSON object")
    if event.get("detail-type", "WorkCompleted") != "WorkCompleted":
        raise NotAnEvent("detail-type is not WorkCompleted")
    detail = _object(event, "detail")
    event_id = event.get("id")
    if isinstance(event_id, int):
        event_id = str(event_id)
    if not isinstance(event_id, str) or not event_id:
        raise NotAnEvent("id is missing")
    try:
        return EventRow(event_id, _row(event_id, event, detail))
    except OverflowError:
        raise NotAnEvent("detail.completedAt is out of range") from None


def _row(event_id: str, event: Mapping[str, Any], detail: Mapping[str, Any]) -> FraudRow:
    work = detail.get("workDetails")
    work = work if isinstance(work, dict) else {}
    lines = _lines(work, _object(detail, "pricing"))
    amount = sum(price for _, _, price in lines)
    if not 0 < amount <= AMOUNT_MAX:
        raise NotAnEvent(f"detail.pricing adds up to {amount}")
    parts = line_parts(lines)
    notes, photos = work.get("notes"), work.get("photos")
    return FraudRow(
        payment_id=UUID(int=0),
        vendor_id=_id(detail.get("vendorId"), "detail.vendorId"),
        incident_id=_id(detail.get("incidentId") or event_id, "detail.incidentId"),
        occurred_at=_time(detail.get("completedAt") or event.get("time")),
        currency=currency if isinstance(currency := detail.get("currency"), str) and currency else "USD",
        amount_cents=amount,
        service_type=service_of(work.get("serviceType")),
        base_cents=parts.base_cents,
        mileage_cents=parts.mileage_cents if "mileageCharge" in detail["pricing"] else None,
        duration_min=_whole(work.get("duration")),
        photo_count=len(photos) if isinstance(photos, list) else None,
        created_by=_person(event, detail, notes),
        driver_id=_driver(detail.get("driverId")),
        lines_key=parts.lines_key,
        extras=parts.extras,
        notes_key=similarity_key(notes) if isinstance(notes, str) else None,
        photos_key=_photos_key(photos),
    )


def _object(within: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = within.get(name)
    if not isinstance(found, dict):
        raise NotAnEvent(f"{name} is not an object")
    return found


def _lines(work: Mapping[str, Any], pricing: Mapping[str, Any]) -> list[tuple[str, int, int]]:
    """The bill's lines as the service makes them (contract 5.1)."""
    lines = [(f"{work.get('serviceType', '')} - Base Service", 1, _price(pricing.get("basePrice"), "basePrice"))]
    if pricing.get("mileageCharge"):
        lines.append(("Mileage Charge", 1, _price(pricing["mileageCharge"], "mileageCharge")))
    charges = pricing.get("additionalCharges") or ()
    for charge in charges if isinstance(charges, list) else ():
        if not isinstance(charge, dict):
            raise NotAnEvent("detail.pricing.additionalCharges holds something else than objects")
        lines.append((str(charge.get("description", "")), 1, _price(charge.get("amount"), "additionalCharges")))
    return lines


def _price(value: Any, name: str) -> int:
    found = _whole(value)
    if found is None:
        raise NotAnEvent(f"detail.pricing.{name} is no price in minor units")
    return found


def _whole(value: Any) -> int | None:
    """A count or price: a whole number of at least 0, be it written as 12.0 or "12"; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= NUMBER_DIGITS_MAX:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= AMOUNT_MAX:
        return None
    return round(value)


def _time(value: Any) -> datetime:
    try:
        found = msgspec.convert(value, datetime)
    except msgspec.ValidationError:
        raise NotAnEvent("detail.completedAt is no RFC 3339 time") from None
    if not 1970 <= found.year <= 9998:
        raise NotAnEvent("detail.completedAt is out of range")
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _id(value: Any, name: str) -> UUID:
    if not isinstance(value, str) or not value:
        raise NotAnEvent(f"{name} is missing")
    try:
        return UUID(value)
    except ValueError:
        return UUID(bytes=hashlib.blake2b(value.encode("utf-8", "replace"), digest_size=16).digest())


def _person(event: Mapping[str, Any], detail: Mapping[str, Any], notes: Any) -> str | None:
    for source in (detail, event, *(within for name in PLACES if isinstance(within := detail.get(name), dict))):
        for name in PEOPLE:
            found = source.get(name)
            found = found.get("id") if isinstance(found, dict) else found
            if isinstance(found, str) and found:
                return found
    named = _IN_NOTES.search(notes) if isinstance(notes, str) else None
    return named[1].casefold() if named else None


def _photos_key(photos: Any) -> int | None:
    return photos_key([name for name in photos if isinstance(name, str)]) if isinstance(photos, list) else None


def _driver(value: Any) -> str | None:
    """As the service takes it in, which knows drivers by UUID; from looser files whatever names one."""
    if not isinstance(value, str) or not value:
        return None
    try:
        return str(UUID(value))
    except ValueError:
        return value
