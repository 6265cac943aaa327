"""Reads that everybody makes all the time; many of them at once cost little more than one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from vendorpay.domain.payment import Payment
from vendorpay.domain.roles import Scope
from vendorpay.store import read_payments
from vendorpay.store.db import Database
from vendorpay.usecases.gathered import Gathered

QUEUES_AT_ONCE_MAX: Final = 8


class PendingPage(msgspec.Struct, frozen=True):
    """A part of the queue for approval: what comes after an id, past `offset` of them."""

    scope: Scope
    after: UUID
    limit: int
    offset: int


class PaymentReads:
    """Payments by id, and pages of what waits for approval. Raises DatabaseUnavailable or Overloaded."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._by_id: Gathered[tuple[Scope, UUID], Payment | None] = Gathered(self._read_by_id)
        self._pending: Gathered[PendingPage, Sequence[Payment]] = Gathered(
            self._read_pending, together_max=1, askers_max=QUEUES_AT_ONCE_MAX
        )

    async def by_id(self, scope: Scope, payment_id: UUID) -> Payment | None:
        """The payment, when the scope holds it."""
        return await self._by_id.ask((scope, payment_id))

    async def pending(self, page: PendingPage) -> Sequence[Payment]:
        """What waits for the back office's approval, oldest first."""
        return await self._pending.ask(page)

    async def _read_by_id(self, asked: Sequence[tuple[Scope, UUID]]) -> Sequence[Payment | None]:
        async with self._database.reading() as connection:
            return await read_payments.by_ids(connection, asked)

    async def _read_pending(self, asked: Sequence[PendingPage]) -> Sequence[Sequence[Payment]]:
        (page,) = asked  # pages are long: they are shared, and not read together
        async with self._database.reading() as connection:
            found = await read_payments.pending(
                connection, page.scope, after=page.after, limit=page.limit, offset=page.offset
            )
        return [found]
