"""Fraud cases, read; whoever decides one does so by a command on its payment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg.rows import DictRow

from vendorpay.domain.fraud.finding import Finding
from vendorpay.domain.fraud_cases import FraudCase
from vendorpay.domain.payment import Payment
from vendorpay.store import queries
from vendorpay.store.db import Connection, rows
from vendorpay.store.payment_rows import payment_of

_FILE: Final = "fraud_cases.sql"
_case: Final = msgspec.json.Decoder(FraudCase)
_findings: Final = msgspec.json.Decoder(tuple[Finding, ...])


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A case with its payment and, where it was read alone, what the newest score found."""

    case: FraudCase
    payment: Payment
    findings: tuple[Finding, ...] = ()


async def without_score(connection: Connection, *, limit: int) -> list[tuple[str, UUID]]:
    """Payments with an open case for want of a score, of any organisation, the oldest first."""
    found = await rows(connection, _sql("without_score"), {"limit": limit})
    return [(row["org_id"], row["payment_id"]) for row in found]


async def never_asked(connection: Connection, *, consumer: str, before: datetime, limit: int) -> list[tuple[str, UUID]]:
    """Of the `limit` payments that wait for a score longest, of any organisation: those that do so since `before` and
    of which the consumer is not told any more.
    """
    parameters = {"consumer": consumer, "before": before, "limit": limit}
    return [(row["org_id"], row["payment_id"]) for row in await rows(connection, _sql("never_asked"), parameters)]


async def payment_id_of(connection: Connection, org_id: str, case_id: UUID) -> UUID | None:
    """The payment of a case."""
    found = await rows(connection, _sql("payment_of"), {"org_id": org_id, "case_id": case_id})
    return found[0]["payment_id"] if found else None


async def page(
    connection: Connection, org_id: str, *, status: str | None, assignee: str | None, after: UUID, limit: int
) -> list[Found]:
    """Cases with their payments, oldest first."""
    asked = {name: value for name, value in (("status", status), ("assignee", assignee)) if value is not None}
    conditions = " ".join(_sql(f"condition_{name}") for name in asked)
    parameters: dict[str, Any] = {"org_id": org_id, "after": after, "limit": limit, **asked}
    return [_found(row) for row in await rows(connection, _sql("page").replace("@conditions", conditions), parameters)]


async def by_id(connection: Connection, org_id: str, case_id: UUID) -> Found | None:
    """One case."""
    found = await rows(connection, _sql("by_id"), {"org_id": org_id, "case_id": case_id})
    return _found(found[0]) if found else None


async def twins(connection: Connection, org_id: str, payment: Payment, *, limit: int) -> Sequence[Payment]:
    """Payments that may be for the same work, the newest first."""
    parameters = {
        "org_id": org_id,
        "payment_id": payment.payment_id,
        "incident_id": payment.incident_id,
        "limit": limit,
    }
    return [payment_of(row, row) for row in await rows(connection, _sql("twins"), parameters)]


async def flagged(connection: Connection, org_id: str, *, after: UUID, limit: int) -> Sequence[Payment]:
    """Payments with an open case, oldest first."""
    found = await rows(connection, _sql("flagged"), {"org_id": org_id, "after": after, "limit": limit})
    return [payment_of(row, row) for row in found]


def _found(row: DictRow) -> Found:
    findings = row.get("findings")
    return Found(
        case=_case.decode(row["found"]),
        payment=payment_of(row, row),
        findings=_findings.decode(findings) if findings else (),
    )


def _sql(name: str) -> str:
    return queries.load(_FILE)[name]
