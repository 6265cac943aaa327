"""A relay in a process of its own, for tests that stop or kill it: `stopped_relay.py DATABASE_URL LEASE_S`.

Writes a line `aggregate sequence` for each event it gets, before it says that it has it.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing

from tests.workers.relaying import HANDLED, Receiver
from vendorpay.entrypoints.ids import new_id, new_salt, system_now
from vendorpay.store.db import Database
from vendorpay.usecases.carry_out import WritePath
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.group_commit import GroupCommit
from vendorpay.usecases.relay_target import Due, Result
from vendorpay.workers.relay import Relay


async def told(due: Due) -> Result:
    """Says what came, then takes a moment."""
    sys.stdout.write(f"{due.event.aggregate_id} {due.event.sequence}\n")
    sys.stdout.flush()
    await asyncio.sleep(0.005)
    return HANDLED


async def main(url: str, lease_s: float) -> None:
    """Relays until it is killed."""
    async with (
        Database.open(url, pool_size=3) as database,
        aclosing(
            GroupCommit(WritePath(database=database, now=system_now, new_id=new_id, new_salt=new_salt))
        ) as commands,
    ):
        deps = Deps(database=database, commands=commands, now=system_now, new_id=new_id, event_sources=frozenset())
        relay = Relay(deps, [Receiver(told, at_once=8)], "the-stopped-one", lease_s=lease_s, idle_s=0.02)
        await relay.run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
