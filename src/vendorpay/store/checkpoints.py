"""Checkpoints: made in a transaction of their own, and read back with what they cover."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from vendorpay.domain.checkpoint import Checkpoint
from vendorpay.store import queries
from vendorpay.store.db import Connection, rows

PAGE_ROWS: Final = 1000


class StoredCheckpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A row as it is; whether its bytes say what its columns do, and hash to its hash, is for the verifier to tell."""

    number: int
    from_position: int
    to_position: int
    previous_hash: bytes
    canonical: bytes
    hash: bytes


class EntryNow(msgspec.Struct, frozen=True, kw_only=True):
    """An entry's hash in hexadecimal, None when it is gone, and its position, None when it has none."""

    hash: str | None
    position: int | None


async def hold(connection: Connection) -> None:
    """Waits until nobody else makes a checkpoint, and keeps others waiting until this transaction ends."""
    await connection.execute(_sql("hold").encode())


async def newest(connection: Connection) -> StoredCheckpoint | None:
    """The one with the highest number."""
    found = await rows(connection, _sql("newest"), {})
    return StoredCheckpoint(**found[0]) if found else None


async def after(connection: Connection, number: int) -> AsyncIterator[StoredCheckpoint]:
    """Those with higher numbers than that, in their order."""
    while True:
        found = await rows(connection, _sql("after"), {"number": number, "limit": PAGE_ROWS})
        for row in found:
            yield StoredCheckpoint(**row)
            number = row["number"]
        if len(found) < PAGE_ROWS:
            return


async def lines(connection: Connection, after: int, until: int) -> list[str]:
    """What a checkpoint over the positions (after, until] says of each, as the database is now."""
    return [row["line"] for row in await rows(connection, _sql("lines"), {"after": after, "until": until})]


async def insert(connection: Connection, made: Checkpoint) -> None:
    """Puts a checkpoint on record; the schema refuses one that does not follow on the newest."""
    await connection.execute(
        _sql("insert").encode(),
        {
            "number": made.number,
            "from_position": made.from_position,
            "to_position": made.to_position,
            "previous_hash": bytes.fromhex(made.previous_hash),
            "canonical": made.canonical(),
            "hash": made.hash(),
            "made_at": made.moment,
        },
    )


async def entry_now(connection: Connection, subject_id: UUID, seq: int) -> EntryNow:
    """What has become of an entry."""
    found = await rows(connection, _sql("entries_now"), {"subject_id": subject_id, "seq": seq})
    return EntryNow(**found[0])


async def hashes_of(connection: Connection, subject_id: UUID) -> dict[int, str]:
    """The hash of each entry of one chain, in hexadecimal, by its number."""
    found = await rows(connection, _sql("hashes_of"), {"subject_id": subject_id})
    return {row["seq"]: row["hash"] for row in found}


async def given(connection: Connection) -> tuple[int, int]:
    """Up to which position the counter says that they were given, and the highest there is."""
    found = await rows(connection, _sql("given"), {})
    return int(found[0]["given"]), int(found[0]["newest"])


async def since(connection: Connection, until: int, moment: datetime) -> tuple[int, int]:
    """How many entries stand outside of the positions up to `until`, and how many of these claim an earlier moment."""
    found = await rows(connection, _sql("since"), {"until": until, "moment": moment})
    return int(found[0]["entries"]), int(found[0]["backdated"])


async def shipped(connection: Connection, destination: bytes) -> frozenset[int]:
    """The numbers that a destination was handed."""
    found = await rows(connection, _sql("shipped"), {"destination": destination})
    return frozenset(row["number"] for row in found)


async def ship(connection: Connection, destination: bytes, number: int, now: datetime) -> None:
    """Remembers that a destination was handed a checkpoint; a second time changes nothing."""
    await connection.execute(_sql("ship").encode(), {"destination": destination, "number": number, "shipped_at": now})


def _sql(block: str) -> str:
    return queries.load("checkpoints.sql")[block]
