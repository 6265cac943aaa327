"""Readers of the feed miss nothing and see nothing twice, whatever transactions do meanwhile (issue 3, origin 28)."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from random import Random
from uuid import UUID

import msgspec
import psycopg
import pytest

from tests.database import DatabaseUrls
from tests.races.feed_load import ORGS, Event, Reader, Writer, an_aggregate, any_transaction, prepare
from tests.usecases.world import World, open_world, rounds, seeded
from vendorpay.domain.errors import DatabaseUnavailable, Overloaded
from vendorpay.store.db import Database
from vendorpay.store.sequencer import PassOutcome, Stream
from vendorpay.usecases.number_positions import Numbering

pytestmark = pytest.mark.anyio
WRITERS = 12
SHARED = 8
KILL = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE state = 'active' AND query LIKE '%%number_stream%%' AND pid <> pg_backend_pid() AND datname = %s
"""


async def test_readers_see_1_to_n_against_transactions_of_every_fate(database_urls: DatabaseUrls) -> None:
    """Sequencers with tiny passes compete, and are killed in the middle of one."""
    prepare(database_urls)
    chance = seeded("readers of the feed")
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(open_world(database_urls))
        writers = [
            await stack.enter_async_context(Writer.open(database_urls, ORGS[number % 2])) for number in range(WRITERS)
        ]
        readers = [Reader(world.deps, ORGS[number % 2]) for number in range(4)]
        done = asyncio.Event()
        numbering = [asyncio.create_task(_number(database_urls, most, done)) for most in (1, 7, 60)]
        reading = [asyncio.create_task(_read(reader, chance, done)) for reader in readers]
        killing = asyncio.create_task(_kill(database_urls, chance, done))
        shared = {org: [an_aggregate() for _ in range(SHARED)] for org in ORGS}
        left = iter(range(rounds(1_000, 50_000)))
        await asyncio.gather(*(_write(writer, shared[writer.org], chance, left) for writer in writers))
        done.set()
        await asyncio.gather(*numbering, *reading)
        assert await killing > 0
        await _finish(world, readers)
        for reader in readers:
            committed = [event for writer in writers if writer.org == reader.org for event in writer.committed]
            _assert_exactly(reader, committed)


async def _write(writer: Writer, shared: Sequence[UUID], chance: Random, left: Iterator[int]) -> None:
    for _ in left:
        await any_transaction(writer, shared, chance)


async def _number(urls: DatabaseUrls, most: int, done: asyncio.Event) -> None:
    async with Database.open(urls.app, pool_size=1) as database:
        numbering = Numbering(database, most=most)
        while not done.is_set():
            try:
                if not await numbering.step(Stream.FEED):
                    await asyncio.sleep(0.002)
            except (DatabaseUnavailable, Overloaded):
                continue


async def _read(reader: Reader, chance: Random, done: asyncio.Event) -> None:
    while not done.is_set():
        if not await reader.read_on(chance.randint(1, 200)):
            await asyncio.sleep(chance.random() * 0.01)


async def _kill(urls: DatabaseUrls, chance: Random, done: asyncio.Event) -> int:
    killed = 0
    async with await psycopg.AsyncConnection.connect(urls.superuser, autocommit=True) as superuser:
        while not done.is_set():
            await asyncio.sleep(0.05 + chance.random() * 0.2)
            row = await (await superuser.execute(KILL.encode(), [urls.name])).fetchone()
            killed += row[0] if row else 0
    return killed


async def _finish(world: World, readers: Sequence[Reader]) -> None:
    numbering = Numbering(world.database)
    while (await numbering.number(Stream.FEED)).outcome is not PassOutcome.DONE:
        await asyncio.sleep(0.002)  # one that was killed may hold the lock for a moment
    for reader in readers:
        while await reader.read_on(200):
            pass


def _assert_exactly(reader: Reader, committed: Sequence[Event]) -> None:
    """Every committed event once, none invented, each aggregate's in their order."""
    seen: dict[UUID, list[int]] = defaultdict(list)
    for event in reader.events:
        detail = msgspec.json.decode(event.detail)
        assert detail["position"] == event.position
        seen[UUID(detail["vendorId"])].append(detail["sequence"])
    wanted: dict[UUID, list[int]] = defaultdict(list)
    for aggregate, sequence in sorted(committed):
        wanted[aggregate].append(sequence)
    assert seen == wanted
    assert len(reader.events) == len(committed) > 0
    assert len({event.id for event in reader.events}) == len(committed)
