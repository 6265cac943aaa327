"""Webhook endpoints: read for people and for the relay; their deliveries; replays."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from psycopg.rows import DictRow

from vendorpay.domain.webhooks import EndpointState
from vendorpay.store import endpoint_rows, queries
from vendorpay.store.arrays import literal
from vendorpay.store.db import Connection, rows


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint and how it fares; what waits is counted up to 1,001."""

    state: EndpointState
    failing_since: datetime | None
    pending: int
    oldest_pending_at: datetime | None
    last_error: str | None


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """What a try that failed is to its endpoint: the first one of a row, or one of too many for too long."""

    first: bool = False
    too_long: bool = False


class Sending(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed to send to an endpoint, and whether it may be done."""

    url: str
    enabled: bool
    replaying: bool
    overtaking: bool
    """An earlier event of the same line waits."""
    failing: bool
    secrets: tuple[bytes, ...]
    """Those that are live, the newest first."""


async def endpoints(connection: Connection, org_id: str, *, limit: int) -> list[Standing]:
    """Those that are not deleted, oldest first."""
    found = await rows(connection, _sql("endpoints"), {"org_id": org_id, "limit": limit})
    return list(map(_standing, found))


async def endpoint(connection: Connection, org_id: str, endpoint_id: UUID) -> Standing | None:
    """One of them."""
    found = await rows(connection, _sql("endpoint_by_id"), {"org_id": org_id, "endpoint_id": endpoint_id})
    return _standing(found[0]) if found else None


def _standing(row: DictRow) -> Standing:
    fares = {name: row[name] for name in Standing.__struct_fields__ if name != "state"}
    return Standing(state=endpoint_rows.state_of(row, row), **fares)


async def secret(connection: Connection, org_id: str, secret_id: UUID) -> bytes | None:
    """The bytes of a secret that is still stored."""
    found = await rows(connection, _sql("secret"), {"org_id": org_id, "secret_id": secret_id})
    return bytes(found[0]["secret"]) if found else None


async def deliveries(
    connection: Connection,
    org_id: str,
    endpoint_id: UUID,
    *,
    states: Collection[str],
    before: UUID,
    limit: int,
    attempts: int,
) -> list[DictRow]:
    """The deliveries to an endpoint in these states, newest first, each with its newest `attempts` tries as JSON.

    The state `failing` stands alone: what is pending, and was tried in vain.
    """
    parameters = {
        "org_id": org_id,
        "endpoint_id": endpoint_id,
        "states": literal(states),
        "before": before,
        "limit": limit,
        "attempts": attempts,
    }
    name = "failing_deliveries" if "failing" in states else "deliveries"
    return await rows(connection, _sql(name), parameters)


async def delivery(connection: Connection, org_id: str, delivery_id: UUID) -> DictRow | None:
    """Which event a delivery brings to which endpoint; None for that of a deleted endpoint."""
    found = await rows(connection, _sql("delivery"), {"org_id": org_id, "delivery_id": delivery_id})
    return found[0] if found else None


async def waiting_after(connection: Connection, org_id: str, endpoint_id: UUID) -> int | None:
    """The position before the first event that waits to be sent to an endpoint; None when none does."""
    found = await rows(connection, _sql("waiting_after"), {"org_id": org_id, "endpoint_id": endpoint_id})
    return int(found[0]["position"]) if found else None


async def limits(connection: Connection, endpoint_ids: Sequence[UUID], *, failing: int) -> Mapping[UUID, int]:
    """How many requests each endpoint is sent at once, of those that may be sent to: 1 after `failing` failed tries."""
    parameters = {"endpoint_ids": literal(endpoint_ids), "failing": failing}
    found = await rows(connection, _sql("limits"), parameters)
    return {row["endpoint_id"]: row["at_once"] for row in found}


async def sending(
    connection: Connection, org_id: str, endpoint_id: UUID, *, aggregate_id: UUID, sequence: int, now: datetime
) -> Sending:
    """What is needed to send an event to an endpoint at this moment."""
    parameters = {
        "org_id": org_id,
        "endpoint_id": endpoint_id,
        "aggregate_id": aggregate_id,
        "sequence": sequence,
        "now": now,
    }
    (row,) = await rows(connection, _sql("sending"), parameters)
    return Sending(**{**row, "secrets": tuple(map(bytes, row["secrets"]))})


async def count_failure(
    connection: Connection, org_id: str, endpoint_id: UUID, *, tries: int, seconds: float
) -> Failure:
    """Counts one more try that failed; too long is so many by now, without a success for so long."""
    parameters = {"org_id": org_id, "endpoint_id": endpoint_id, "tries": tries, "seconds": seconds}
    found = await rows(connection, _sql("count_failure"), parameters)
    return Failure(**found[0]) if found else Failure()


async def forget_failures(connection: Connection, org_id: str, endpoint_id: UUID) -> bool:
    """It works (again); whether this is news."""
    parameters = {"org_id": org_id, "endpoint_id": endpoint_id}
    return bool(await rows(connection, _sql("forget_failures"), parameters))


async def replaying(connection: Connection, *, limit: int) -> list[tuple[str, UUID]]:
    """The enabled endpoints for which events are still to be put in line, with their organisations."""
    found = await rows(connection, _sql("replaying"), {"limit": limit})
    return [(row["org_id"], row["subscription_id"]) for row in found]


async def replay(connection: Connection, org_id: str, endpoint_id: UUID, *, limit: int) -> bool:
    """Puts the next events of a range in line, from at most `limit` positions; whether more are left.

    Does nothing while somebody else has the subscription's row.
    """
    found = await rows(connection, _sql("replay"), {"org_id": org_id, "endpoint_id": endpoint_id, "limit": limit})
    return bool(found and found[0]["more"])


async def cancel_deleted(connection: Connection, *, limit: int) -> int:
    """Cancels what waits for deleted endpoints, and their dead letters; how many, at most `limit`."""
    return len(await rows(connection, _sql("cancel_deleted"), {"limit": limit}))


async def forget_secrets(connection: Connection, *, limit: int) -> None:
    """Deletes secrets that came to their end more than a day ago, at most `limit`."""
    await connection.execute(_sql("forget_secrets").encode(), {"limit": limit})


def _sql(name: str) -> str:
    return queries.load("webhooks.sql")[name]
