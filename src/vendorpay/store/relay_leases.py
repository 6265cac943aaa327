"""Leases on the shards of subscriptions: who delivers what, told by the database's clock alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from vendorpay.store import queries
from vendorpay.store.arrays import literal
from vendorpay.store.db import Connection, rows


class Shard(msgspec.Struct, frozen=True):
    """A part of a subscription."""

    subscription_id: UUID
    number: int


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """A shard that is held; `epoch` counts its holders, and tells this one from those before and after."""

    shard: Shard
    epoch: int
    line: str
    org_id: str | None
    """Whose subscription it is; None for one of our own consumers."""
    active: bool

    @property
    def kind(self) -> str:
        """The kind of its subscription."""
        return self.line.partition(":")[0]


class LineStanding(msgspec.Struct, frozen=True, kw_only=True):
    """How many leases a line has and how many living relays want them; `before` of these sort before this one."""

    line: str
    leases: int
    relays: int
    before: int


async def announce(
    connection: Connection,
    subscription_id: UUID,
    kind: str,
    name: str,
    *,
    event_types: Iterable[str],
    shards: int,
    now: datetime,
) -> None:
    """Makes a subscription to every organisation's events what it is wanted to be, in a transaction of the caller's.

    Waits for the sequencer's pass when there is something to change; events numbered from then on are lined up. The
    number of shards of one that exists stays.
    """
    wanted = {"kind": kind, "name": name, "event_types": literal(sorted(event_types))}
    known = await rows(connection, _sql("known"), wanted)
    if known and known[0]["as_wanted"]:
        return
    await connection.execute(_sql("hold_sequencer").encode())
    parameters = {**wanted, "subscription_id": subscription_id, "shards": shards, "now": now}
    await connection.execute(_sql("announce").encode(), parameters)


async def withdraw(connection: Connection, kind: str, name: str) -> bool:
    """Ends a subscription to every organisation's events, in a transaction of the caller's; whether there was one.

    Waits for the sequencer's pass; events numbered from then on are not lined up for it. Those that are stay in line,
    in nobody's way, until it is announced again.
    """
    wanted = {"kind": kind, "name": name}
    if not await rows(connection, _sql("is_active"), wanted):
        return False
    await connection.execute(_sql("hold_sequencer").encode())
    await connection.execute(_sql("withdraw").encode(), wanted)
    return True


async def lay_out(connection: Connection) -> None:
    """Gives each active subscription the rows that can be leased."""
    await connection.execute(_sql("lay_out").encode())


async def appear(connection: Connection, holder: str, lines: Collection[str], lease_s: float) -> None:
    """Says that this relay lives and which lines it serves; relays long gone are forgotten."""
    parameters = {"holder": holder, "lines": literal(sorted(lines)), "lease_s": lease_s}
    await connection.execute(_sql("appear").encode(), parameters)
    await connection.execute(_sql("forget_the_gone").encode())


async def disappear(connection: Connection, holder: str) -> None:
    """Says that this relay serves nothing any more."""
    await connection.execute(_sql("disappear").encode(), {"holder": holder})


async def renew(connection: Connection, holder: str, leases: Sequence[Lease], lease_s: float) -> list[Lease]:
    """Those of the leases that are still the holder's, for another `lease_s` from now."""
    parameters = {**_columns(leases), "holder": holder, "lease_s": lease_s}
    return [_lease(row) for row in await rows(connection, _sql("renew"), parameters)]


async def standing_of_lines(
    connection: Connection, holder: str, lines: Collection[str], lease_s: float
) -> list[LineStanding]:
    """What there is to share out, line by line. A relay that was seen later than now is a trace of a clock put back."""
    parameters = {"holder": holder, "lines": literal(sorted(lines)), "lease_s": lease_s}
    return [LineStanding(**row) for row in await rows(connection, _sql("standing_of_lines"), parameters)]


async def take(connection: Connection, holder: str, line: str, most: int, lease_s: float) -> list[Lease]:
    """Up to `most` leases of the line that nobody holds; those another relay is just taking are left to it.

    Held further ahead than anybody can hold one counts as not held: the database's clock was put back.
    """
    parameters = {"holder": holder, "line": line, "most": most, "lease_s": lease_s}
    return [_lease(row) for row in await rows(connection, _sql("take"), parameters)]


async def release(connection: Connection, holder: str, leases: Sequence[Lease]) -> None:
    """Gives leases back at once; what is not the holder's any more is left alone."""
    await connection.execute(_sql("release").encode(), {**_columns(leases), "holder": holder})


async def release_all(connection: Connection, holder: str) -> None:
    """Gives back whatever the holder has, known to it or not."""
    await connection.execute(_sql("release_all").encode(), {"holder": holder})


def _sql(name: str) -> str:
    return queries.load("relay_leases.sql")[name]


def _columns(leases: Sequence[Lease]) -> dict[str, str]:
    return {
        "subscription_ids": literal(lease.shard.subscription_id for lease in leases),
        "shards": literal(lease.shard.number for lease in leases),
        "epochs": literal(lease.epoch for lease in leases),
    }


def _lease(row: dict[str, Any]) -> Lease:
    shard = Shard(row["subscription_id"], row["shard"])
    return Lease(shard=shard, epoch=row["epoch"], line=row["line"], org_id=row["org_id"], active=row["active"])
