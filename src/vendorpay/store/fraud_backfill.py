"""The fraud history's gaps: which payments it lacks, and putting them there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from vendorpay.store import queries
from vendorpay.store.arrays import literal
from vendorpay.store.db import Connection, rows
from vendorpay.store.events_of_payments import WithEvent, with_event

_FILE: Final = "fraud_backfill.sql"


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """How many payments were looked at, the last of them, and those that the history lacks."""

    looked: int
    last_id: UUID | None
    payment_ids: tuple[UUID, ...]


async def take_turn(connection: Connection) -> bool:
    """Whether this transaction alone fills gaps now."""
    return bool((await _rows(connection, "take_turn"))[0]["obtained"])


async def lacking(connection: Connection, *, after: UUID, before: datetime, limit: int) -> Looked:
    """What is lacking among the next payments, of all organisations, that were created before a moment."""
    (found,) = await _rows(connection, "lacking", after=after, before=before, limit=limit)
    return Looked(looked=found["looked"], last_id=found["last_id"], payment_ids=tuple(found["payment_ids"]))


async def held(connection: Connection, payment_ids: Sequence[UUID]) -> list[WithEvent]:
    """Payments whose rows this transaction keeps as they are; without those that somebody else has in hand."""
    found = await _rows(connection, "held", payment_ids=literal(payment_ids))
    return [with_event(row) for row in found]


async def about(connection: Connection) -> int:
    """Roughly how many payments there are."""
    return int((await _rows(connection, "about"))[0]["payments"])


async def _rows(connection: Connection, name: str, **parameters: Any) -> list[dict[str, Any]]:
    return await rows(connection, queries.load(_FILE)[name], parameters)
