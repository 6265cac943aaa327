"""The sequencer's passes: what has been committed gets its position (correctness.md 14, 19)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from vendorpay.store import queries
from vendorpay.store.audit_log import TRANSACTION_TIMEOUT_SINCE
from vendorpay.store.db import Connection, rows

_SQL: Final = "sequencer.sql"


class Stream(StrEnum):
    """What is numbered: events, densely for each organisation; audit entries, densely for all together."""

    FEED = "feed"
    AUDIT = "audit"


class PassOutcome(StrEnum):
    """How a pass ended.

    MORE is left to do at once; IDLE, nothing has begun or ended since; BUSY, another session is at it; MOVED, the
    database was restored on another server, and `renumber` must run once.
    """

    DONE = "done"
    MORE = "more"
    IDLE = "idle"
    BUSY = "busy"
    MOVED = "moved"


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """One pass: how many rows got their position, and the snapshot it went by; None when it was busy."""

    outcome: PassOutcome
    numbered: int
    target_seen: str | None


async def number(connection: Connection, stream: Stream, *, most: int, known: str | None) -> Pass:
    """One pass over about `most` rows, in a transaction of its own.

    `known` is the `target_seen` of a pass that left nothing to do: when the server has seen no transaction since, this
    one is IDLE and costs nothing.
    """
    given = {"stream": stream.value, "most": most, "known": known}
    (found,) = await rows(connection, queries.load(_SQL)["number"], given)
    return msgspec.convert(found, Pass)


async def renumber(connection: Connection, stream: Stream) -> int:
    """Gives a position to every row that has none; returns to how many.

    Reads the whole table, in one transaction that may take longer than the role otherwise allows.
    """
    async with connection.transaction():
        await connection.execute(b"SET LOCAL statement_timeout = 0")
        await connection.execute(b"SET LOCAL lock_timeout = 0")
        await connection.execute(b"SET LOCAL idle_in_transaction_session_timeout = 0")
        if connection.info.server_version >= TRANSACTION_TIMEOUT_SINCE:
            await connection.execute(b"SET LOCAL transaction_timeout = 0")
        (found,) = await rows(connection, queries.load(_SQL)["renumber"], {"stream": stream.value})
    return int(found["numbered"])
