"""The pool of connections, and what a broken one means.

Connections are in autocommit mode: a transaction begins and ends where the write path says so. Statement, lock and
idle timeouts belong to the database role (roles.sql), never to a SET.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Self

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from vendorpay.domain.errors import DatabaseUnavailable, Overloaded

POOL_SIZE: Final = 10
IDLE_S_MAX: Final = 30.0
LIFETIME_S_MAX: Final = 600.0
"""Connections are recycled early: one that planned its statements on young tables would keep bad plans."""
WAIT_S_MAX: Final = 5.0
RECONNECT_S_MAX: Final = 3.0

Connection = AsyncConnection[DictRow]


class Database:
    """One PostgreSQL database, seen through a pool."""

    def __init__(self, url: str, *, pool_size: int = POOL_SIZE) -> None:
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=pool_size,
            max_idle=IDLE_S_MAX,
            max_lifetime=LIFETIME_S_MAX,
            timeout=WAIT_S_MAX,
            reconnect_timeout=RECONNECT_S_MAX,
            check=AsyncConnectionPool.check_connection,
            kwargs={"autocommit": True, "row_factory": dict_row, "application_name": "vendorpay"},
            open=False,
        )

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, *, pool_size: int = POOL_SIZE) -> AsyncIterator[Self]:
        """The database behind a libpq URL; the pool is closed at the end. Connects when first asked."""
        database = cls(url, pool_size=pool_size)
        await database._pool.open(wait=False)
        try:
            yield database
        finally:
            await database.close()

    async def close(self) -> None:
        """Closes every connection; those in use are closed when they come back."""
        await self._pool.close()

    def gauges(self) -> Mapping[str, int]:
        """How the pool stands: its size, and how many wait."""
        return self._pool.get_stats()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection; a broken one is thrown away, an unfinished transaction is rolled back.

        Raises DatabaseUnavailable when none can be had in time. Errors inside the block pass unchanged.
        """
        try:
            connection = await self._pool.getconn()
        except (PoolTimeout, PoolClosed, TooManyRequests, psycopg.OperationalError) as error:
            raise DatabaseUnavailable from error
        try:
            yield connection
        finally:
            await self._pool.putconn(connection)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """A connection for single statements; raises DatabaseUnavailable or Overloaded for what is nobody's fault."""
        async with self.connection() as connection:
            try:
                yield connection
            except psycopg.Error as error:
                raise explained(error) from error


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone, so that nobody knows what became of a statement under way."""
    if not isinstance(error, psycopg.OperationalError):
        return False
    state = error.sqlstate
    return state is None or state.startswith(("08", "57P"))


def explained(error: psycopg.Error) -> Exception:
    """The domain's error for what may happen to any statement; other errors as they are."""
    if is_lost(error):
        return DatabaseUnavailable()
    if isinstance(error, psycopg.errors.QueryCanceled | psycopg.errors.LockNotAvailable):
        return Overloaded()
    if isinstance(error, psycopg.OperationalError):  # out of memory, of disk, of connections; a standby
        return DatabaseUnavailable()
    return error


async def rows(connection: Connection, query: str, params: Mapping[str, Any]) -> list[DictRow]:
    """All rows of one statement."""
    return await (await connection.execute(query.encode(), params)).fetchall()
