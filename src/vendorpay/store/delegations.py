"""Delegations, read."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from vendorpay.domain.delegations import Delegation
from vendorpay.store import queries
from vendorpay.store.db import Connection, rows
from vendorpay.store.delegation_rows import delegation_of


async def newest(connection: Connection, org_id: str, *, before: UUID, limit: int) -> Sequence[Delegation]:
    """Those that were given before one, newest first."""
    parameters = {"org_id": org_id, "before": before, "limit": limit}
    found = await rows(connection, queries.load("delegations.sql")["newest_delegations"], parameters)
    return [delegation_of(row) for row in found]


async def to_person(connection: Connection, org_id: str, delegate_id: str) -> Sequence[Delegation]:
    """Those that nobody ended, given to one person; which are open at a moment, the reader asks."""
    parameters = {"org_id": org_id, "delegate_id": delegate_id}
    found = await rows(connection, queries.load("delegations.sql")["to_person"], parameters)
    return [delegation_of(row) for row in found]
