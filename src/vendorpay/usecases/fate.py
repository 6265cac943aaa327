"""What became of a write whose answer never came: asked on new connections until it is known, or its time is up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import psycopg

from vendorpay.domain.errors import DatabaseUnavailable
from vendorpay.store.db import Connection, Database

FATE_S_MAX: Final = 15.0
FATE_PAUSE_S: Final = 0.1


async def found_out(database: Database, ask: Callable[[Connection], Awaitable[bool | None]]) -> bool | None:
    """What `ask` answers once it is more than None; None when that does not come in time.

    A database that is away may be coming back, and what waits for a lock may get it: both are asked again.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + FATE_S_MAX
    while loop.time() < deadline:
        try:
            async with database.connection() as connection:
                if (answer := await ask(connection)) is not None:
                    return answer
        except (DatabaseUnavailable, psycopg.OperationalError):
            pass  # the deadline decides
        await asyncio.sleep(FATE_PAUSE_S)
    return None
