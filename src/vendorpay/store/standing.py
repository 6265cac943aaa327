"""How things stand: read at a scrape of the metrics, cheap on any number of payments."""

from __future__ import annotations

import msgspec
from psycopg.rows import DictRow

from vendorpay.store import queries
from vendorpay.store.db import Connection


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """`streams` has position and lag_s for each stream, `deliveries` pending, oldest_s, overdue_s and dead for each
    kind of subscription; `approvals`, `fraud` and `upkeep` are one row each."""

    streams: list[DictRow]
    deliveries: list[DictRow]
    approvals: DictRow
    fraud: DictRow
    upkeep: DictRow


async def look(connection: Connection) -> Standing:
    """Five statements, each along its indexes; planned once on a connection, which takes longer than all else."""

    async def found(name: str) -> list[DictRow]:
        statement = queries.load("standing.sql")[name].encode()
        return await (await connection.execute(statement, prepare=True)).fetchall()

    return Standing(
        streams=await found("sequencer"),
        deliveries=await found("deliveries"),
        approvals=(await found("approvals"))[0],
        fraud=(await found("fraud"))[0],
        upkeep=(await found("upkeep"))[0],
    )
