"""The query parameters of each operation, as types; the text of a URL becomes one in `query_strings`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from vendorpay.domain.errors import FieldFault
from vendorpay.domain.lifecycle import PaymentStatus
from vendorpay.domain.money import AMOUNT_MAX
from vendorpay.domain.payment import PayerType
from vendorpay.domain.published import EVENT_TYPES, unknown_types
from vendorpay.domain.text import Reference

LIMIT_MAX: Final = 200
LIMIT_DEFAULT: Final = 50
OFFSET_MAX: Final = 10_000
"""Beyond it, only cursors: an offset makes the database count its way through every row before it."""
POSITION_MAX: Final = 10**15
"""Far beyond any feed's end, and far from where numbers overflow."""

Limit = Annotated[int, Meta(ge=1, le=LIMIT_MAX, description="How many to return at most.")]
Offset = Annotated[int, Meta(ge=0, le=OFFSET_MAX, description="How many to skip; for long ways use the cursor.")]
Cursor = Annotated[
    str,
    Meta(min_length=1, max_length=512, pattern=r"^[A-Za-z0-9_=.~-]+$", description="nextCursor of the page before."),
]
Position = Annotated[
    int, Meta(ge=0, le=POSITION_MAX, description="Events after this position: that of the page before, 0 at first.")
]
EventType = Annotated[
    str,
    Meta(
        max_length=100,
        description="Events of this type alone. The position then goes on over the others.",
        extra_json_schema={"enum": list(EVENT_TYPES)},
    ),
]
WaitingFor = Annotated[
    Literal["me"],
    Meta(description="Only what the caller could approve now, and what that brings further. Such pages may be short."),
]
Moment = Annotated[datetime, Meta(tz=True)]
AmountBound = Annotated[int, Meta(ge=0, le=AMOUNT_MAX)]


class NoQuery(msgspec.Struct, frozen=True):
    """No parameters at all."""


class PageQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which page of a list."""

    limit: Limit = LIMIT_DEFAULT
    cursor: Cursor | None = None


class PaymentsQuery(PageQuery, frozen=True, kw_only=True, rename="camel"):
    """Which payments; every filter that is given must fit."""

    incident_id: UUID | None = None
    vendor_id: UUID | None = None
    status: PaymentStatus | None = None
    payer_type: PayerType | None = None
    reference: Reference | None = None
    created_from: Moment | None = None
    created_to: Moment | None = None
    min_amount_cents: AmountBound | None = None
    max_amount_cents: AmountBound | None = None


class VendorPaymentsQuery(PageQuery, frozen=True, kw_only=True, rename="camel"):
    """Which of a vendor's payments."""

    status: PaymentStatus | None = None


class PendingQuery(PageQuery, frozen=True, kw_only=True, rename="camel"):
    """Which page of what waits for approval: by cursor, or by offset; all of it, or what waits for the caller."""

    offset: Offset = 0
    waiting_for: WaitingFor | None = None


class FeedQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which part of the feed."""

    after: Position = 0
    limit: Limit = LIMIT_DEFAULT
    type: EventType | None = None


def check_feed(fields: Mapping[str, Any]) -> list[FieldFault]:
    """A type that no event has: who asks for it would wait for ever."""
    if fields.get("type") is not None and unknown_types([fields["type"]]):
        return [FieldFault("type", f"is not one of: {', '.join(EVENT_TYPES)}")]
    return []


def check_payments(fields: Mapping[str, Any]) -> list[FieldFault]:
    """Times that no payment can have and that overflow when another zone is put on them."""
    return [
        FieldFault(name, "must be between the years 1970 and 9998")
        for name, moment in (("createdFrom", fields.get("created_from")), ("createdTo", fields.get("created_to")))
        if moment is not None and not 1970 <= moment.year <= 9998
    ]


def check_pending(fields: Mapping[str, Any]) -> list[FieldFault]:
    """A cursor says where to go on; an offset besides it would mean two places, and of a list that is judged payment
    by payment nothing can be skipped."""
    for other, name in (("cursor", "cursor"), ("waiting_for", "waitingFor")):
        if fields.get(other) is not None and fields.get("offset"):
            return [FieldFault("offset", f"cannot be combined with {name}")]
    return []
