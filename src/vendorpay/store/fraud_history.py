"""The history that payments are held against: kept row by row, and read as windows, many payments at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from vendorpay.domain.fraud.rows import FraudRow
from vendorpay.domain.fraud.windows import Windows
from vendorpay.domain.payment import FraudGate
from vendorpay.store import queries
from vendorpay.store.arrays import columns, literal
from vendorpay.store.db import Connection, execute, rows
from vendorpay.store.events_of_payments import WithEvent, with_event
from vendorpay.store.fraud_answers import Answers, Said
from vendorpay.store.fraud_questions import Kept

_FILE: Final = "fraud_history.sql"
_KEPT: Final = (
    *("payment_id", "org_id", "content_version", "vendor_id", "incident_id", "occurred_at", "currency", "amount_cents"),
    *("service_type", "base_cents", "mileage_cents", "duration_min", "photo_count", "created_by", "driver_id"),
    *("lines_key", "extras", "notes_key", "photos_key", "live"),
)


class ToScore(WithEvent, frozen=True, kw_only=True):
    """A payment as it is now, what its event told, and what its gate says."""

    gate: FraudGate


async def to_score(
    connection: Connection, asked: Sequence[tuple[str, UUID]]
) -> tuple[list[ToScore | None], list[WithEvent]]:
    """The payments asked for, each in its place; and those of their vendors and incidents, recorded before, of which no
    row is kept yet. One round trip.
    """
    parameters = {
        "org_ids": literal(org_id for org_id, _ in asked),
        "payment_ids": literal(payment_id for _, payment_id in asked),
    }
    async with connection.pipeline():
        own = await execute(connection, _sql("to_score"), parameters)
        others = await execute(connection, _sql("neighbours"), parameters)
    found: list[ToScore | None] = [None] * len(asked)
    for row in await own.fetchall():
        one = with_event(row)
        found[row["n"] - 1] = ToScore(payment=one.payment, told=one.told, gate=FraudGate(row["fraud_gate"]))
    return found, [with_event(row) for row in await others.fetchall()]


async def windows(connection: Connection, kept: Sequence[Kept], asked: Sequence[Kept]) -> list[tuple[Windows, Said]]:
    """Keeps some rows, and reads the windows of some and what people said, in one round trip.

    What is kept is committed before anything is read: of two scorers that keep twins at the same time, the one that
    commits later sees the other's. A second round trip is for payments that share too little with the others.
    """
    answers, cursor = Answers(asked), None
    async with connection.pipeline():
        await connection.execute(b"BEGIN")
        await keep(connection, kept)
        await connection.execute(b"COMMIT")
        if asked:
            cursor = await execute(connection, _sql("windows"), answers.parameters())
    if cursor is None:
        return []
    found = answers.read(await cursor.fetchall())
    left = [n for n, one in enumerate(found) if one is None]
    if left:
        answers = Answers([asked[n] for n in left], alone=True)
        again = answers.read(await rows(connection, _sql("windows"), answers.parameters()))
        for n, one in zip(left, again, strict=True):
            found[n] = one
    return [one for one in found if one is not None]


async def keep(connection: Connection, kept: Sequence[Kept]) -> None:
    """Puts rows there, over those of older content."""
    await execute(connection, _sql("keep"), columns("keep", _KEPT, [_values(one) for one in kept]))


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A row with what was said of it: the status of its newest live score, and what people decided of its case."""

    row: FraudRow
    status: str | None
    decision: str | None


async def history(connection: Connection, org_id: str, *, after: UUID, limit: int) -> list[Judged]:
    """An organisation's rows in the order in which they were recorded."""
    found = await rows(connection, _sql("history"), {"org_id": org_id, "after": after, "limit": limit})
    return [
        Judged(row=FraudRow(**{**row, "extras": tuple(row["extras"])}), status=status, decision=decision)
        for row in found
        for status, decision in [(row.pop("status"), row.pop("decision"))]
    ]


def _values(kept: Kept) -> tuple[object, ...]:
    row = kept.row
    return (
        *(row.payment_id, kept.org_id, kept.content_version, row.vendor_id, row.incident_id, row.occurred_at),
        *(row.currency, row.amount_cents, row.service_type or "", row.base_cents, row.mileage_cents, row.duration_min),
        *(row.photo_count, row.created_by, row.driver_id, row.lines_key, msgspec.json.encode(row.extras).decode()),
        *(row.notes_key, row.photos_key, row.live),
    )


def _sql(name: str) -> str:
    return queries.load(_FILE)[name]
