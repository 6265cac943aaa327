"""The pool of connections, and what a broken one means.

Connections are in autocommit mode: a transaction begins and ends where the write path says so. Statement, lock and
idle timeouts belong to the database role (roles.sql), never to a SET.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from math import inf
from typing import Any, Final, Self

import msgspec
import psycopg
from psycopg import AsyncConnection, AsyncCursor, AsyncRawCursor
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from vendorpay import metrics
from vendorpay.domain.errors import DatabaseUnavailable, Overloaded
from vendorpay.store import queries
from vendorpay.store.logins import Login, connecting_by

POOL_SIZE: Final = 10
IDLE_S_MAX: Final = 30.0
LIFETIME_S_MAX: Final = 600.0
"""Connections are recycled early: one that planned its statements on young tables would keep bad plans."""
WAIT_S_MAX: Final = 5.0
RECONNECT_S_MAX: Final = 3.0
CONNECT_S_MAX: Final = 3
PATIENCE_S: Final = 30.0
"""How long a connection may take for what it was asked for: longer than any timeout of the server's own."""
CHECK_S_MAX: Final = 3.0
WARM_MAX: Final = 4
WARM_S_MAX: Final = 60.0
"""For how long a connection may go from hand to hand before the pool sees it again, which recycles the old."""
PREPARE_AFTER: Final = 5
"""After how many uses a statement is prepared at the server, where that is wanted."""
FRESH_S: Final = 1.0
"""For how long after its last use a connection is only looked at before the next, and not asked."""

Connection = AsyncConnection[DictRow]


class _Warm(msgspec.Struct):
    """A connection that stays out of the pool between two uses."""

    connection: Connection
    since_s: float
    used_s: float = 0.0


class _Lent(AbstractAsyncContextManager[Connection]):
    """A connection for the length of a block, hung up when that takes longer than `seconds`: whoever waits inside gets
    the error of a lost connection. Cancelling would not do, for psycopg then waits for the server to confirm.

    A class and no generator, which takes several times as many calls: the whole write path is in such blocks.
    """

    def __init__(
        self,
        take: Callable[[], Awaitable[_Warm]],
        give_back: Callable[[_Warm], Awaitable[None]],
        seconds: float | None,
    ) -> None:
        self._take = take
        self._give_back = give_back
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Connection:
        self._warm = await self._take()
        if self._seconds is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._seconds, _hang_up, self._warm.connection)
        return self._warm.connection

    async def __aexit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await self._give_back(self._warm)


class Database:
    """One PostgreSQL database, seen through a pool."""

    def __init__(
        self,
        url: str | Login,
        *,
        pool_size: int = POOL_SIZE,
        patience_s: float = PATIENCE_S,
        prepares: bool = True,
    ) -> None:
        self._patience_s = patience_s
        self._warm: list[_Warm] = []
        self._in_use: set[Connection] = set()
        self._waiting = 0
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url if isinstance(url, str) else "",
            connection_class=Connection if isinstance(url, str) else connecting_by(url),
            min_size=1,
            max_size=pool_size,
            max_idle=IDLE_S_MAX,
            max_lifetime=LIFETIME_S_MAX,
            timeout=WAIT_S_MAX,
            reconnect_timeout=RECONNECT_S_MAX,
            check=self._check,
            kwargs={
                "autocommit": True,
                "row_factory": dict_row,
                "application_name": "vendorpay",
                "connect_timeout": CONNECT_S_MAX,
                "prepare_threshold": PREPARE_AFTER if prepares else None,
            },
            open=False,
        )

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        url: str | Login,
        *,
        pool_size: int = POOL_SIZE,
        patience_s: float = PATIENCE_S,
        prepares: bool = True,
    ) -> AsyncIterator[Self]:
        """The database behind a libpq URL or a login; the pool is closed at the end. Connects when first asked.

        Without `prepares` no statement is prepared at the server: a prepared one would pin a connection of RDS Proxy.
        """
        database = cls(url, pool_size=pool_size, patience_s=patience_s, prepares=prepares)
        await database._pool.open(wait=False)
        metrics.pool_size(pool_size)
        try:
            yield database
        finally:
            metrics.pool_size(-pool_size)
            await database.close()

    async def close(self) -> None:
        """Closes every connection; those in use are closed when they come back."""
        while self._warm:
            await self._pool.putconn(self._warm.pop().connection)
        await self._pool.close()

    def distrust(self) -> None:
        """Has every connection asked whether it lives before its next use: this machine may have slept."""
        for warm in self._warm:
            warm.used_s = -inf

    def hang_up(self) -> None:
        """Ends what every connection in use is asked for, as if its line were cut: the server rolls back."""
        for connection in self._in_use:
            _hang_up(connection)

    async def _check(self, connection: Connection) -> None:
        """Raises when the connection is dead; then its idle neighbours are replaced too.

        After a failover all of them are dead, and the pool itself would try them one by one, each a second or more
        after the one before.
        """
        try:
            with _hung_up_after(CHECK_S_MAX, connection):
                await AsyncConnectionPool.check_connection(connection)
        except psycopg.Error:
            await self._pool.drain()
            raise

    def connection(self, *, for_long: bool = False) -> AbstractAsyncContextManager[Connection]:
        """A connection; a broken one is thrown away, an unfinished transaction is rolled back.

        Raises DatabaseUnavailable when none can be had in time. Errors inside the block pass unchanged. A connection
        that has not come back in time is hung up, unless it is wanted `for_long`: a server or network that went
        silent must not hold a caller for ever.
        """
        return _Lent(self._take, self._give_back, None if for_long else self._patience_s)

    async def _take(self) -> _Warm:
        try:
            warm = await self._best()
        except (PoolTimeout, PoolClosed, TooManyRequests, psycopg.OperationalError) as error:
            raise DatabaseUnavailable from error
        metrics.pool_in_use(1)
        self._in_use.add(warm.connection)
        return warm

    async def _best(self) -> _Warm:
        """The connection that was in use last, else one of the pool's.

        Its statements are prepared and its server process is awake; the pool would take turns with all it has, and ask
        each whether it lives, which costs as much as the statement it is wanted for.
        """
        while self._warm:
            warm = self._warm.pop()
            now_s = _now_s()
            if now_s - warm.used_s < FRESH_S and now_s - warm.since_s < WARM_S_MAX and not _has_news(warm.connection):
                return warm
            await self._pool.putconn(warm.connection)
        self._waiting += 1
        metrics.pool_waiting(1)
        try:
            return _Warm(await self._pool.getconn(), since_s=_now_s())
        finally:
            metrics.pool_waiting(-1)
            self._waiting -= 1

    async def _give_back(self, warm: _Warm) -> None:
        metrics.pool_in_use(-1)
        self._in_use.discard(warm.connection)
        idle = warm.connection.info.transaction_status is TransactionStatus.IDLE
        # Whoever waits at the pool would never be given one that is kept here.
        if idle and not self._waiting and len(self._warm) < WARM_MAX and not self._pool.closed:
            warm.used_s = _now_s()
            self._warm.append(warm)
        else:
            await self._pool.putconn(warm.connection)

    @asynccontextmanager
    async def reading(self, *, for_long: bool = False) -> AsyncIterator[Connection]:
        """A connection for single statements; raises DatabaseUnavailable or Overloaded for what is nobody's fault."""
        async with self.connection(for_long=for_long) as connection:
            try:
                yield connection
            except psycopg.Error as error:
                raise explained(error) from error


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _has_news(connection: Connection) -> bool:
    """Whether something came that nobody asked for; a closed connection is always news."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


@contextmanager
def _hung_up_after(seconds: float, connection: Connection) -> Iterator[None]:
    """Hangs up when the block takes longer, as `_Lent` does."""
    timer = asyncio.get_running_loop().call_later(seconds, _hang_up, connection)
    try:
        yield
    finally:
        timer.cancel()


def _hang_up(connection: Connection) -> None:
    if connection.closed:
        return
    with suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as own:
        own.shutdown(socket.SHUT_RDWR)


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone, so that nobody knows what became of a statement under way."""
    if isinstance(error, psycopg.errors.IdleInTransactionSessionTimeout | psycopg.errors.TransactionTimeout):
        return True  # we were too slow between two statements, and the server hung up
    if not isinstance(error, psycopg.OperationalError):
        return False
    state = error.sqlstate
    return state is None or state.startswith(("08", "57P"))


def explained(error: Exception) -> Exception:
    """The domain's error for what may happen to any statement; other errors as they are."""
    if is_lost(error):
        return DatabaseUnavailable()
    if isinstance(error, psycopg.errors.QueryCanceled | psycopg.errors.LockNotAvailable):
        return Overloaded()
    if isinstance(error, psycopg.OperationalError):  # out of memory, of disk, of connections; a standby
        return DatabaseUnavailable()
    return error


async def execute(connection: Connection, statement: str, params: Mapping[str, Any]) -> AsyncCursor[DictRow]:
    """The cursor of one statement with `%(name)s` for its parameters."""
    sql, names = queries.positional(statement)
    return await AsyncRawCursor(connection, row_factory=dict_row).execute(sql, [params[name] for name in names])


async def rows(connection: Connection, query: str, params: Mapping[str, Any]) -> list[DictRow]:
    """All rows of one statement."""
    return await (await execute(connection, query, params)).fetchall()
