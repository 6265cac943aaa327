"""The history that payments are held against: kept row by row, and read as windows, many payments at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final
from uuid import UUID

import msgspec
from psycopg.rows import DictRow

from vendorpay.domain.fraud.rows import FraudRow
from vendorpay.domain.fraud.rule_set import RuleSet
from vendorpay.domain.fraud.windows import Company, Measures, Peers, Windows, day_counts, peers_of
from vendorpay.domain.fraud_listings import Listing
from vendorpay.domain.payment import FraudGate, Payment
from vendorpay.store import queries
from vendorpay.store.arrays import columns, literal
from vendorpay.store.db import Connection, execute, rows
from vendorpay.store.payment_rows import payment_of

_FILE: Final = "fraud_history.sql"
_KEPT: Final = (
    *("payment_id", "org_id", "content_version", "vendor_id", "incident_id", "occurred_at", "currency", "amount_cents"),
    *("service_type", "base_cents", "mileage_cents", "duration_min", "photo_count", "created_by", "driver_id"),
    *("lines_key", "extras", "notes_key", "photos_key", "live"),
)

_rows: Final = msgspec.json.Decoder(tuple[FraudRow, ...])
_measures: Final = msgspec.json.Decoder(tuple[list[int | None], ...])
_steps: Final = msgspec.json.Decoder(dict[int, int])
_counts: Final = msgspec.json.Decoder(tuple[int, ...])
RULE_SETS_KEPT_MAX: Final = 64
_listings: Final = msgspec.json.Decoder(tuple[Listing, ...])
_company: Final = msgspec.json.Decoder(tuple[int, int, int])


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A payment's row with whose it is, and of which content."""

    org_id: str
    content_version: int
    row: FraudRow


class ToScore(msgspec.Struct, frozen=True, kw_only=True):
    """A payment as it is now, and what its gate says."""

    payment: Payment
    gate: FraudGate


async def to_score(
    connection: Connection, asked: Sequence[tuple[str, UUID]]
) -> tuple[list[ToScore | None], list[Payment]]:
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
        found[row["n"] - 1] = ToScore(payment=payment_of(row, row), gate=FraudGate(row["fraud_gate"]))
    return found, [payment_of(row, row) for row in await others.fetchall()]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What people said of a vendor, and the rule sets of its organisation; None for the service's own, or none."""

    listings: tuple[Listing, ...]
    live: RuleSet | None
    shadow: RuleSet | None


async def windows(connection: Connection, kept: Sequence[Kept], asked: Sequence[Kept]) -> list[tuple[Windows, Said]]:
    """Keeps some rows, and reads the windows of some and what people said, in one round trip.

    What is kept is committed before anything is read: of two scorers that keep twins at the same time, the one that
    commits later sees the other's.
    """
    async with connection.pipeline():
        await connection.execute(b"BEGIN")
        await execute(connection, _sql("keep"), columns("keep", _KEPT, [_values(one) for one in kept]))
        await connection.execute(b"COMMIT")
        cursor = await execute(connection, _sql("windows"), _parameters(asked))
        people = await execute(connection, _sql("said"), _parameters(asked))
    found = zip(await cursor.fetchall(), await people.fetchall(), asked, strict=True)
    return [(_windows(row, one.row), _said(said)) for row, said, one in found]


def _said(row: DictRow) -> Said:
    return Said(
        listings=_listings.decode(row["listings"]) if row["listings"] else (),
        live=_rule_set(row["live"]),
        shadow=_rule_set(row["shadow"]),
    )


@lru_cache(maxsize=RULE_SETS_KEPT_MAX)
def _rule_set(document: str | None) -> RuleSet | None:
    """The same ones come again and again."""
    return None if document is None else msgspec.json.decode(document, type=RuleSet)


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


def _parameters(asked: Sequence[Kept]) -> dict[str, str]:
    return {
        "org_ids": literal(one.org_id for one in asked),
        "payment_ids": literal(one.row.payment_id for one in asked),
        "vendor_ids": literal(one.row.vendor_id for one in asked),
        "incident_ids": literal(one.row.incident_id for one in asked),
        "times": literal(one.row.occurred_at for one in asked),
        "currencies": literal(one.row.currency for one in asked),
        "service_types": literal(one.row.service_type or "" for one in asked),
        "creators": literal(one.row.created_by for one in asked),
        "drivers": literal(one.row.driver_id for one in asked),
    }


def _windows(found: DictRow, row: FraudRow) -> Windows:
    steps = found["vendor_steps"]
    return Windows(
        vendor_rows=_rows.decode(found["vendor_rows"]) if found["vendor_rows"] else (),
        vendor_first_at=found["vendor_first_at"],
        vendor_days=() if found["vendor_first_at"] is None else day_counts(_steps.decode(steps) if steps else {}),
        incident_rows=_rows.decode(found["incident_rows"]) if found["incident_rows"] else (),
        peers=_peers(found["measures"]),
        org_first_at=found["org_first_at"],
        org_vendor_counts=_counts.decode(found["org_vendor_counts"]) if found["org_vendor_counts"] else (),
        org_oldest_at=found["org_oldest_at"],
        creator=None if row.created_by is None else _whole(found["creator"]),
        driver=None if row.driver_id is None else _whole(found["driver"]),
    )


def _peers(measures: str | None) -> Peers:
    """From the columns of the rows' measures."""
    columns_of = _measures.decode(measures) if measures else ()
    return peers_of(map(Measures._make, zip(*columns_of, strict=True)))


def _whole(company: str) -> Company:
    count, with_vendor, vendors = _company.decode(company)
    return Company(rows=count, with_vendor=with_vendor, vendors=vendors)


def _sql(name: str) -> str:
    return queries.load(_FILE)[name]
