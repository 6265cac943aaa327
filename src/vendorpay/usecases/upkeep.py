"""Upkeep: partitions for the months to come, and the end of what was to be kept for a time only.

Rejected events stay, resolved ones too: they are the record of what came in and of who dealt with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import psycopg

from vendorpay import metrics, observe
from vendorpay.domain.errors import Overloaded, VendorPayError
from vendorpay.store import set_up, upkeep
from vendorpay.store.db import Connection
from vendorpay.usecases.deps import Deps

MONTHS_LEFT_MIN: Final = 23
ROWS_MAX: Final = 1000
"""Rows deleted by one transaction: tens of milliseconds, so that nobody waits for one."""
BATCHES_MAX: Final = 20
"""Transactions of one step for each kind of rows."""
PAUSE_S: Final = 0.05
"""Between two of them, in which others have the disk."""
WEBHOOK_DAYS: Final = 30
CONSUMER_DAYS: Final = 1
BUS_DAYS: Final = 1
"""How long settled deliveries are kept: an outsider's log is asked about for weeks, our own consumers keep an inbox,
and a bus its archive."""

Delete = Callable[[Connection, int], Awaitable[int]]


async def step(deps: Deps) -> bool:
    """One round of upkeep, for a timer; whether there is more to delete at once.

    Any number of processes may run it: each transaction takes the turn, and who does not get it leaves the work to the
    one that has it. A part that fails is logged and counted, the others go on; nothing is raised.
    """
    await _kept_going(deps, "partitions", _make_partitions(deps))
    # One by one: no more than one connection at a time is taken from those who serve.
    more = [await _kept_going(deps, what, _delete(deps, what, delete)) for what, delete in DELETIONS]
    return any(more)


async def _delete_webhook_deliveries(connection: Connection, most: int) -> int:
    return await upkeep.delete_deliveries(connection, "webhook", days=WEBHOOK_DAYS, most=most)


async def _delete_consumer_deliveries(connection: Connection, most: int) -> int:
    return await upkeep.delete_deliveries(connection, "consumer", days=CONSUMER_DAYS, most=most)


async def _delete_bus_deliveries(connection: Connection, most: int) -> int:
    return await upkeep.delete_deliveries(connection, "bus", days=BUS_DAYS, most=most)


DELETIONS: Final[tuple[tuple[str, Delete], ...]] = (
    ("commands", upkeep.delete_commands),
    ("webhook_deliveries", _delete_webhook_deliveries),
    ("consumer_deliveries", _delete_consumer_deliveries),
    ("bus_deliveries", _delete_bus_deliveries),
)


async def _kept_going(deps: Deps, task: str, work: Awaitable[bool]) -> bool:
    metrics.upkeep_begins(task, at_s=deps.now().timestamp())
    try:
        more = await work
    except (VendorPayError, psycopg.Error) as error:
        metrics.upkeep_ended(task, failed=True, at_s=deps.now().timestamp())
        observe.failed("a part of upkeep failed", operation=task, **observe.facts_of(error))
        return False
    metrics.upkeep_ended(task, failed=False, at_s=deps.now().timestamp())
    return more


async def _make_partitions(deps: Deps) -> bool:
    """Not under the turn: the function has a lock of its own, and may have to wait for writers."""
    async with deps.database.reading() as connection:
        now, left = await upkeep.months_left(connection)
        if left < MONTHS_LEFT_MIN:
            if not await set_up.ensure_partitions(connection, now):
                raise Overloaded  # writers kept the tables busy; there is time, and another step in a minute
            metrics.upkeep_made_partitions()
            observe.info("partitions were made ahead", partitions=set_up.PARTITION_MONTHS_AHEAD)
    return False


async def _delete(deps: Deps, what: str, delete: Delete) -> bool:
    """Deletes in small transactions; whether there is more than a step may take."""
    total = deleted = 0
    for _ in range(BATCHES_MAX):
        async with deps.database.reading() as connection, connection.transaction():
            deleted = await delete(connection, ROWS_MAX) if await upkeep.take_turn(connection) else 0
        # After its commit: what a broken connection took back is not counted.
        metrics.upkeep_deleted(what, deleted)
        total += deleted
        if deleted < ROWS_MAX:
            break
        await asyncio.sleep(PAUSE_S)
    if total:
        observe.info("upkeep deleted rows", operation=what, count=total)
    return deleted == ROWS_MAX
