"""What has an audit chain besides payments, and where the log has partitions for it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from typing import Final
from uuid import UUID

import msgspec
from psycopg import AsyncServerCursor

from vendorpay.domain.audit_check import SubjectHead
from vendorpay.store import queries
from vendorpay.store.db import Connection, rows

FETCH_ROWS: Final = 1000
_BOUNDS: Final = re.compile(r"FOR VALUES FROM \((?:MINVALUE|'([0-9a-f-]+)')\) TO \('([0-9a-f-]+)'\)")


async def heads(connection: Connection, subject_id: UUID | None) -> AsyncIterator[SubjectHead]:
    """The head of every chain that is no payment's, in the order of ids."""
    async with AsyncServerCursor(connection, "audit_subjects") as cursor:
        cursor.itersize = FETCH_ROWS
        await cursor.execute(queries.load("audit_subjects.sql")["heads"].encode(), {"subject_id": subject_id})
        async for row in cursor:
            yield SubjectHead(**{**row, "content": _digest(row["content"])})


async def heads_count(connection: Connection, subject_id: UUID | None) -> int:
    """How many of these chains there should be."""
    found = await rows(connection, queries.load("audit_subjects.sql")["heads_count"], {"subject_id": subject_id})
    return int(found[0]["heads"])


async def attached(connection: Connection) -> list[tuple[UUID | None, UUID]]:
    """The ranges of ids, first and one past the last, for which the audit log has a partition."""
    found = await rows(connection, queries.load("audit_subjects.sql")["attached"], {})
    bounds = [_BOUNDS.fullmatch(row["bounds"]) for row in found]
    return [(UUID(each[1]) if each[1] else None, UUID(each[2])) for each in bounds if each is not None]


def _digest(content: str) -> str:
    return hashlib.sha256(msgspec.json.encode(msgspec.json.decode(content), order="sorted")).hexdigest()
