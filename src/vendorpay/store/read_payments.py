"""Payments read by id, by page and by queue; every function takes the caller's scope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from psycopg.rows import DictRow

from vendorpay.domain.payment import Payment, PaymentState
from vendorpay.domain.roles import Scope
from vendorpay.store import queries
from vendorpay.store.arrays import literal
from vendorpay.store.db import Connection, rows
from vendorpay.store.payment_rows import payment_of, state_of

_FILE: Final = "payments.sql"
FIRST: Final = UUID(int=0)
LAST: Final = UUID(int=2**128 - 1)


async def by_ids(connection: Connection, asked: Sequence[tuple[Scope, UUID]]) -> list[Payment | None]:
    """For each id the payment, when the scope beside it holds it."""
    parameters = {
        "org_ids": literal(scope.org_id for scope, _ in asked),
        "payment_ids": literal(payment_id for _, payment_id in asked),
        "scope_vendor_ids": literal(scope.vendor_id for scope, _ in asked),
        "scope_payer_ids": literal(scope.payer_id for scope, _ in asked),
    }
    found: list[Payment | None] = [None] * len(asked)
    for row in await rows(connection, queries.load(_FILE)["by_ids"], parameters):
        found[row["n"] - 1] = _payment(row)
    return found


async def job(connection: Connection, scope: Scope, payment_id: UUID) -> tuple[UUID, UUID] | None:
    """The incident and the vendor of a payment, which never change, when the scope holds it."""
    block = queries.load(_FILE)["job"]
    found = await rows(connection, block, {**_scoped(scope), "payment_id": payment_id})
    return (found[0]["incident_id"], found[0]["vendor_id"]) if found else None


async def newest_for_incident(connection: Connection, scope: Scope, incident_id: UUID) -> Payment | None:
    """The newest live payment of an incident, else its newest."""
    found = await _all(connection, "newest_for_incident", {**_scoped(scope), "incident_id": incident_id})
    return found[0] if found else None


async def pending(connection: Connection, scope: Scope, *, after: UUID, limit: int, offset: int) -> Sequence[Payment]:
    """What waits for the back office's approval, oldest first."""
    return await _all(connection, "pending", {**_scoped(scope), "after": after, "limit": limit, "offset": offset})


async def queue(connection: Connection, org_id: str, *, after: UUID, limit: int) -> Sequence[PaymentState]:
    """The same with the facts that their rules need."""
    parameters = {"org_id": org_id, "after": after, "limit": limit}
    return [state_of(row, row) for row in await rows(connection, queries.load(_FILE)["queue"], parameters)]


async def page(
    connection: Connection, scope: Scope, where: Mapping[str, Any], *, before: UUID, limit: int
) -> Sequence[Payment]:
    """Payments that meet every condition of `where` (names of `condition_*` blocks), newest first."""
    asked = {name: value for name, value in {**_scoped(scope), **where}.items() if value is not None}
    blocks = queries.load(_FILE)
    conditions = " ".join(blocks[f"condition_{name}"] for name in asked if name != "org_id")
    parameters = {**asked, "before": before, "limit": limit}
    statement = blocks["page"].replace("@conditions", conditions)
    return [_payment(row) for row in await rows(connection, statement, parameters)]


def _scoped(scope: Scope) -> dict[str, Any]:
    return {"org_id": scope.org_id, "scope_vendor_id": scope.vendor_id, "scope_payer_id": scope.payer_id}


async def _all(connection: Connection, block: str, parameters: Mapping[str, Any]) -> list[Payment]:
    return [_payment(row) for row in await rows(connection, queries.load(_FILE)[block], parameters)]


def _payment(row: DictRow) -> Payment:
    return payment_of(row, row)
