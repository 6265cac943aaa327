"""A connection that was used last is used next; but nobody waits at the pool while one lies idle elsewhere."""

import asyncio

import pytest

from tests.database import DatabaseUrls
from vendorpay.store import db
from vendorpay.store.db import Connection, Database

pytestmark = pytest.mark.anyio


async def _pid(connection: Connection) -> int:
    return connection.info.backend_pid


async def test_one_caller_after_the_other_has_the_same_connection(
    module_database_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "FRESH_S", 60.0)
    async with Database.open(module_database_urls.app, pool_size=3) as database:
        pids = set()
        for _ in range(5):
            async with database.connection() as connection:
                pids.add(await _pid(connection))
    assert len(pids) == 1


@pytest.mark.parametrize("pool_size", [1, 2, 4, 10])
async def test_more_callers_than_connections_all_get_their_turn(
    module_database_urls: DatabaseUrls, pool_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some of them come back at once, as busy callers do, while others wait at the pool."""
    monkeypatch.setattr(db, "WAIT_S_MAX", 90.0)

    async def work(database: Database) -> None:
        for _ in range(8):
            async with database.connection() as connection:
                await connection.execute("SELECT pg_sleep(0.002)")

    async with Database.open(module_database_urls.app, pool_size=pool_size) as database:
        async with asyncio.timeout(45):  # the pool's own patience ends later
            await asyncio.gather(*(work(database) for _ in range(3 * pool_size)))


async def test_a_connection_that_died_between_two_uses_is_not_handed_out(
    module_database_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "FRESH_S", 60.0)
    async with Database.open(module_database_urls.app, pool_size=2) as database:
        async with database.connection() as connection:
            first = await _pid(connection)
        async with database.connection() as killing:
            assert await _pid(killing) == first
            async with database.connection() as other:
                second = await _pid(other)
        async with database.connection() as one, database.connection() as another:
            alive, doomed = (one, another) if await _pid(one) == first else (another, one)
            await alive.execute("SELECT pg_terminate_backend(%s, 5000)", [await _pid(doomed)])
            await asyncio.sleep(0.2)  # until the end of its line has come through
        async with database.connection() as one, database.connection() as another:
            pids = {await _pid(one), await _pid(another)}
            assert second not in pids
            await one.execute("SELECT 1")
            await another.execute("SELECT 1")
