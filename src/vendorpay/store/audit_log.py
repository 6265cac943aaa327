"""The audit log: read for people, and streamed for the verifier from one snapshot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg import AsyncServerCursor
from psycopg.rows import DictRow

from vendorpay.domain.audit import AuditEntry
from vendorpay.domain.audit_check import Approved, ChainHead, Held, Link
from vendorpay.domain.payment import LineItem
from vendorpay.store import queries
from vendorpay.store.db import Connection, rows

FETCH_ROWS: Final = 1000
TRANSACTION_TIMEOUT_SINCE: Final = 170000

_lines = msgspec.json.Decoder(tuple[LineItem, ...])
_approvals = msgspec.json.Decoder(tuple[Approved, ...])
_holds = msgspec.json.Decoder(tuple[Held, ...])
_ENTRY = AuditEntry.__struct_fields__
_HEAD = tuple(name for name in ChainHead.__struct_fields__ if name not in {"lines", "approvals", "holds"})


async def entries(connection: Connection, org_id: str, payment_id: UUID) -> list[DictRow]:
    """A payment's entries, oldest first, with their notes where these are not erased."""
    return await rows(connection, queries.load("audit.sql")["entries"], {"org_id": org_id, "payment_id": payment_id})


@asynccontextmanager
async def snapshot(connection: Connection) -> AsyncIterator[None]:
    """One moment for all that is read inside, while others write; it may take longer than the role otherwise allows."""
    await connection.execute(b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    await connection.execute(b"SET LOCAL statement_timeout = 0")
    await connection.execute(b"SET LOCAL idle_in_transaction_session_timeout = 0")
    if connection.info.server_version >= TRANSACTION_TIMEOUT_SINCE:
        await connection.execute(b"SET LOCAL transaction_timeout = 0")
    try:
        yield
    finally:
        await connection.rollback()


async def heads_count(connection: Connection, payment_id: UUID | None) -> int:
    """How many chains there should be."""
    found = await rows(connection, queries.load("audit.sql")["heads_count"], {"payment_id": payment_id})
    return int(found[0]["heads"])


async def heads(connection: Connection, payment_id: UUID | None) -> AsyncIterator[ChainHead]:
    """The head of every chain, in the order of payment ids."""
    async for row in _stream(connection, "heads", payment_id):
        yield ChainHead(
            **{name: row[name] for name in _HEAD},
            lines=_lines.decode(row["lines"] or "[]"),
            approvals=_approvals.decode(row["approvals"] or "[]"),
            holds=_holds.decode(row["holds"] or "[]"),
        )


async def links(connection: Connection, payment_id: UUID | None) -> AsyncIterator[Link]:
    """Every entry of every chain, in the order of payment ids and of their numbers."""
    async for row in _stream(connection, "links", payment_id):
        entry = AuditEntry(**{name: row[name] for name in _ENTRY})
        yield Link(entry=entry, has_text=row["has_text"], salt=row["salt"], text=row["text"])


async def _stream(connection: Connection, block: str, payment_id: UUID | None) -> AsyncIterator[dict[str, Any]]:
    async with AsyncServerCursor(connection, f"audit_{block}") as cursor:
        cursor.itersize = FETCH_ROWS
        await cursor.execute(queries.load("audit.sql")[block].encode(), {"payment_id": payment_id})
        async for row in cursor:
            yield row
