"""A payment as the fraud side sees it: one narrow row, made once from the payment, kept in table fraud_history.

The same row is what is scored and what later payments are compared with. What a payment does not tell is None:
unknown, never 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from vendorpay.domain.fraud.told import UNTOLD, Told, key_of
from vendorpay.domain.fraud.words import plain, similarity_key
from vendorpay.domain.lifecycle import PaymentStatus
from vendorpay.domain.payment import Payment

DEAD: Final = frozenset({PaymentStatus.REJECTED, PaymentStatus.CANCELLED, PaymentStatus.REVERSED})
EXTRAS_MAX: Final = 8
MILEAGE: Final = "mileage charge"
"""The line that a WorkCompleted event's mileage becomes (contract 5.1), folded."""
BASE_SUFFIX: Final = " - base service"
INT_MAX: Final = 10**13


class FraudRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One payment. Amounts in minor units of `currency`. Never part of a cycle, and there are many."""

    payment_id: UUID
    """Payments are recorded in the order of their ids (UUIDv7): `recorded before` means a smaller id."""
    vendor_id: UUID
    incident_id: UUID
    occurred_at: datetime
    """The payment's time: metadata.workCompletedAt where that is a time with its zone, else createdAt."""
    currency: str
    amount_cents: int
    service_type: str | None = None
    """metadata.serviceType, folded to plain lower-case words; None = unknown."""
    base_cents: int | None = None
    """The lines called `<serviceType> - Base Service`, added up; None when there is none."""
    mileage_cents: int | None = None
    """The lines called `Mileage Charge`, added up; 0 when there is a base line and no mileage; else None."""
    duration_min: int | None = None
    """metadata.duration, minutes."""
    photo_count: int | None = None
    """metadata.photoCount."""
    created_by: str | None = None
    """The person or machine that created it; None for our own `system:` actors, who say nothing of a person."""
    driver_id: str | None = None
    """payerId, or the driverId of the event that led to the payment; None = unknown."""
    lines_key: int = 0
    """64 signed bits of SHA-256 over the lines: equal means the same lines with the same prices in any order."""
    extras: tuple[str, ...] = ()
    """Descriptions of the lines beside base and mileage: folded, sorted, without repeats, the first EXTRAS_MAX."""
    notes_key: int | None = None
    """64 signed bits of a simhash of metadata.notes: similar words, few differing bits; None without notes."""
    photos_key: int | None = None
    """Of the photos' names (domain.fraud.told.photos_key); None = unknown: only an event names them."""
    live: bool = True
    """False once rejected, cancelled or reversed, as far as the history knows; such a one has no twins."""


def row_of(payment: Payment, told: Told = UNTOLD) -> FraudRow:
    """The row of a stored payment."""
    metadata = payment.metadata
    notes = metadata.get("notes")
    lines = [(line.description, line.quantity, line.unit_price_cents) for line in payment.line_items]
    parts = line_parts(lines)
    return FraudRow(
        payment_id=payment.payment_id,
        vendor_id=payment.vendor_id,
        incident_id=payment.incident_id,
        occurred_at=_moment(metadata.get("workCompletedAt")) or payment.created_at,
        currency=payment.currency,
        amount_cents=payment.amount_cents,
        service_type=service_of(metadata.get("serviceType")),
        base_cents=parts.base_cents,
        mileage_cents=parts.mileage_cents,
        duration_min=_count(metadata.get("duration")),
        photo_count=_count(metadata.get("photoCount")),
        created_by=None if payment.created_by.startswith("system:") else payment.created_by,
        driver_id=told.driver_id if payment.payer_id is None else str(payment.payer_id),
        lines_key=parts.lines_key,
        extras=parts.extras,
        notes_key=similarity_key(notes) if isinstance(notes, str) else None,
        photos_key=told.photos_key,
        live=payment.status not in DEAD,
    )


class LineParts(msgspec.Struct, frozen=True):
    """What the lines of a bill say."""

    base_cents: int | None
    mileage_cents: int | None
    extras: tuple[str, ...]
    lines_key: int


def line_parts(lines: Iterable[tuple[str, int, int]]) -> LineParts:
    """Base, mileage and the rest of lines given as description, quantity and unit price."""
    base = mileage = None
    extras, prices = set(), []
    for description, quantity, unit_price_cents in lines:
        words, total = plain(description), quantity * unit_price_cents
        prices.append((words, total))
        if description.casefold().endswith(BASE_SUFFIX):
            base = (base or 0) + total
        elif words == MILEAGE:
            mileage = (mileage or 0) + total
        else:
            extras.add(words)
    if base is not None and mileage is None:
        mileage = 0
    return LineParts(base, mileage, tuple(sorted(extras)[:EXTRAS_MAX]), key_of(sorted(prices)))


def service_of(value: Any) -> str | None:
    """A service type as it is compared: folded to plain words; None when there is none."""
    return (plain(value) or None) if isinstance(value, str) else None


def _count(value: Any) -> int | None:
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= INT_MAX
    return value if fits else None


def _moment(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        found = msgspec.convert(value, datetime)
    except msgspec.ValidationError:
        return None
    # PostgreSQL and Python agree on these years, and a day can be added to any of them.
    return found if found.tzinfo is not None and 1970 <= found.year <= 9998 else None
