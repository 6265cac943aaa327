"""List payments: pages by keyset, so that none is skipped or shown twice while others come in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from vendorpay.domain.lifecycle import PaymentStatus
from vendorpay.domain.payment import PayerType, Payment
from vendorpay.domain.roles import Caller
from vendorpay.store import read_payments
from vendorpay.usecases import cursor as cursors
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.payment_reads import PendingPage

_NEWEST_FIRST: Final = "payments"
_PENDING: Final = "pending"


class PaymentFilter(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the payments of a list have in common; times are `created_from <= createdAt < created_to`."""

    incident_id: UUID | None = None
    vendor_id: UUID | None = None
    status: PaymentStatus | None = None
    payer_type: PayerType | None = None
    reference: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    min_amount_cents: int | None = None
    max_amount_cents: int | None = None


class PaymentPage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One page, and the cursor of the next one when there is more."""

    payments: tuple[Payment, ...]
    next_cursor: str | None = None


async def page(
    deps: Deps, caller: Caller, where: PaymentFilter, *, limit: int, cursor: str | None = None
) -> PaymentPage:
    """What the caller may see of the payments that fit, newest first. Raises InvalidRequest for a foreign cursor."""
    before = cursors.before(_NEWEST_FIRST, cursor)
    conditions: dict[str, Any] = msgspec.structs.asdict(where)
    async with deps.database.reading() as connection:
        found = await read_payments.page(connection, caller.scope(), conditions, before=before, limit=limit + 1)
    return page_of(_NEWEST_FIRST, found, limit)


async def pending(deps: Deps, caller: Caller, *, limit: int, cursor: str | None = None, offset: int = 0) -> PaymentPage:
    """What waits for the back office's approval, oldest first. Raises InvalidRequest for a foreign cursor."""
    after = cursors.after(_PENDING, cursor)
    asked = PendingPage(scope=caller.scope(), after=after, limit=limit + 1, offset=offset)
    found = await deps.payments.pending(asked)
    return page_of(_PENDING, found, limit)


def page_of(kind: str, found: Sequence[Payment], limit: int) -> PaymentPage:
    """The page of the list `kind` in what was found, of which one more than `limit` was asked for."""
    shown, more = cursors.cut(kind, found, limit, lambda one: one.payment_id)
    return PaymentPage(payments=shown, next_cursor=more)
