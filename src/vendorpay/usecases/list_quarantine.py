"""List quarantined events: what could not be accepted, why, and how often it came."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from psycopg.rows import DictRow

from vendorpay.domain.errors import FieldFault
from vendorpay.domain.roles import Caller
from vendorpay.store import quarantine
from vendorpay.usecases import cursor as cursors
from vendorpay.usecases.deps import Deps

_KIND: Final = "quarantine"
SHOWN_BYTES_MAX: Final = 16 * 1024
_errors = msgspec.json.Decoder(tuple[FieldFault, ...])


class Quarantined(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One event; `raw` is the beginning of its text, at most 16 KiB of its `raw_bytes`.

    Bytes that are not UTF-8 are shown as U+FFFD; what is stored, and replayed, is untouched.
    """

    quarantine_id: UUID
    reason: str
    errors: tuple[FieldFault, ...]
    publisher: str
    times_seen: int
    first_seen_at: datetime
    last_seen_at: datetime
    raw: str
    raw_bytes: int


class QuarantinePage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One page, and the cursor of the next one when there is more."""

    quarantined: tuple[Quarantined, ...]
    next_cursor: str | None = None


async def page(deps: Deps, caller: Caller, *, limit: int, cursor: str | None = None) -> QuarantinePage:
    """The organisation's open ones, oldest first. Raises InvalidRequest for a foreign cursor."""
    after = cursors.after(_KIND, cursor)
    async with deps.database.reading() as connection:
        found = await quarantine.page(
            connection, caller.scope().org_id, after=after, limit=limit + 1, shown=SHOWN_BYTES_MAX
        )
    shown, more = cursors.cut(_KIND, found, limit, lambda row: row["quarantine_id"])
    return QuarantinePage(quarantined=tuple(map(_shown, shown)), next_cursor=more)


def _shown(row: DictRow) -> Quarantined:
    errors, raw = _errors.decode(row["errors"]), bytes(row["raw"]).decode(errors="replace")
    return Quarantined(**{**row, "errors": errors, "raw": raw})
