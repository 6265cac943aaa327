"""Approval policies, read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from vendorpay.domain.approval_rule import AUTO_APPROVER, Source
from vendorpay.domain.policies import PolicyVersion
from vendorpay.store import queries
from vendorpay.store.arrays import literal
from vendorpay.store.db import Connection, rows
from vendorpay.store.policy_rows import policy_of

_FILE: Final = "policies.sql"


class Automatic(msgspec.Struct, frozen=True):
    """A payment that the service approves itself, as it stood when it was found."""

    org_id: str
    payment_id: UUID
    version: int


async def newest(connection: Connection, org_id: str, *, before: UUID, limit: int) -> Sequence[PolicyVersion]:
    """The versions that were proposed before one, newest first."""
    return await _all(connection, "newest", {"org_id": org_id, "before": before, "limit": limit})


async def one(connection: Connection, org_id: str, policy_id: UUID) -> PolicyVersion | None:
    """One version of the organisation's policy."""
    found = await _all(connection, "one", {"org_id": org_id, "policy_id": policy_id})
    return found[0] if found else None


async def active(connection: Connection, org_id: str) -> PolicyVersion | None:
    """The version that applies; None where none was ever activated."""
    found = await _all(connection, "active", {"org_id": org_id})
    return found[0] if found else None


async def sources(connection: Connection, org_id: str, payment_ids: Sequence[UUID]) -> dict[UUID, Source]:
    """How payments came, of those that have a rule, which remembers it."""
    parameters = {"org_id": org_id, "payment_ids": literal(payment_ids)}
    found = await rows(connection, queries.load(_FILE)["sources"], parameters)
    return {row["payment_id"]: Source(row["source"]) for row in found}


async def approved_vendors(connection: Connection, org_id: str, vendor_ids: Sequence[UUID]) -> frozenset[UUID]:
    """Those of the vendors of whom a payment was approved before."""
    parameters = {"org_id": org_id, "vendor_ids": literal(vendor_ids)}
    found = await rows(connection, queries.load(_FILE)["approved_vendors"], parameters)
    return frozenset(row["vendor_id"] for row in found)


async def automatic(connection: Connection, *, now: datetime, after: UUID, limit: int) -> list[Automatic]:
    """Payments that the service approves itself by now, of everybody, oldest first."""
    parameters = {"now": now, "after": after, "limit": limit, "approver": AUTO_APPROVER}
    found = await rows(connection, queries.load(_FILE)["automatic"], parameters)
    return [Automatic(row["org_id"], row["payment_id"], row["version"]) for row in found]


async def overdue(connection: Connection, *, now: datetime, limit: int) -> list[tuple[str, UUID]]:
    """Organisation and id of payments that have waited for too long, of everybody, the longest first."""
    found = await rows(connection, queries.load(_FILE)["overdue"], {"now": now, "limit": limit})
    return [(row["org_id"], row["payment_id"]) for row in found]


async def _all(connection: Connection, block: str, parameters: Mapping[str, Any]) -> list[PolicyVersion]:
    found = await rows(connection, queries.load(_FILE)[block], parameters)
    return [policy_of(row, row["active_version"]) for row in found]
