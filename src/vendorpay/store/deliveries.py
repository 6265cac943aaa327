"""Deliveries: what is due, what is sent, what came of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg.rows import DictRow

from vendorpay.store import queries
from vendorpay.store.arrays import columns, literal
from vendorpay.store.db import Connection, rows
from vendorpay.store.relay_leases import Shard

ERROR_CHARACTERS_MAX: Final = 500
ANSWER_CHARACTERS_MAX: Final = 2_000
_INTEGER_MAX: Final = 2**31 - 1


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that is due; it may be sent when it is the head of its line."""

    delivery_id: UUID
    shard: Shard
    aggregate_id: UUID
    head_id: UUID


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a delivery. `attempts` is how many there were when it was sent, `counted` is 1 for one more.

    With a `duration_ms` the try is logged.
    """

    delivery_id: UUID
    shard: Shard
    epoch: int
    attempts: int
    counted: int
    state: str
    pause_s: float
    reason: str | None
    attempted_at: datetime
    duration_ms: int | None = None
    status: int | None = None
    error: str | None = None
    answer: str | None = None


async def due(connection: Connection, most: Mapping[Shard, int], busy: Collection[UUID]) -> list[Found]:
    """Of each shard up to so many as are due longest, but none of the `busy`."""
    parameters = {
        "subscription_ids": literal(shard.subscription_id for shard in most),
        "shards": literal(shard.number for shard in most),
        "most": literal(most.values()),
        "busy": literal(busy),
    }
    return [_found(row) for row in await rows(connection, _sql("due"), parameters)]


async def block(connection: Connection, blocked: Iterable[Found]) -> None:
    """Takes those that stand behind a head out of sight, until the head is settled."""
    pairs = [(found.delivery_id, found.head_id) for found in blocked]
    parameters = {
        "blocked_ids": literal(delivery_id for delivery_id, _ in pairs),
        "behind": literal(head_id for _, head_id in pairs),
        "head_ids": literal({head_id for _, head_id in pairs}),
    }
    await connection.execute(_sql("block").encode(), parameters)


async def events(connection: Connection, delivery_ids: Collection[UUID]) -> list[DictRow]:
    """What these deliveries are to bring, as far as they are still pending."""
    return await rows(connection, _sql("events"), {"delivery_ids": literal(delivery_ids)})


async def record(connection: Connection, holder: str, said: Sequence[Said]) -> set[UUID]:
    """Records results under the holder's leases; the ids of those that were, for the rest is not ours any more."""
    names = (
        *("delivery_id", "subscription_id", "shard", "epoch", "attempts", "counted", "state", "pause_s", "reason"),
        *("attempted_at", "duration_ms", "status", "error", "answer"),
    )
    parameters = {**columns("said", names, [_row(one) for one in said]), "holder": holder}
    return {row["delivery_id"] for row in await rows(connection, _sql("record"), parameters)}


def _row(said: Said) -> tuple[Any, ...]:
    return (
        *(said.delivery_id, said.shard.subscription_id, said.shard.number, said.epoch, said.attempts, said.counted),
        *(said.state, said.pause_s, _text(said.reason, ERROR_CHARACTERS_MAX), said.attempted_at),
        *(None if said.duration_ms is None else min(max(said.duration_ms, 0), _INTEGER_MAX), said.status),
        *(_text(said.error, ERROR_CHARACTERS_MAX), _text(said.answer, ANSWER_CHARACTERS_MAX)),
    )


def _text(text: str | None, characters_max: int) -> str | None:
    """Text of others as PostgreSQL takes it: without NUL and lone surrogates, and not too long."""
    if text is None:
        return None
    return text[:characters_max].replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _found(row: DictRow) -> Found:
    shard = Shard(row["subscription_id"], row["shard"])
    return Found(delivery_id=row["delivery_id"], shard=shard, aggregate_id=row["aggregate_id"], head_id=row["head_id"])


def _sql(name: str) -> str:
    return queries.load("deliveries.sql")[name]
