"""Passes of the sequencer over transactions whose order is arranged by hand."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import msgspec
import psycopg
import pytest

from tests.database import DatabaseUrls
from tests.races.feed_load import ORGS, Event, Reader, Writer, an_aggregate, prepare
from tests.usecases.world import World, open_world
from vendorpay.store import sequencer
from vendorpay.store.sequencer import Pass, PassOutcome, Stream
from vendorpay.usecases.number_positions import Numbering

pytestmark = pytest.mark.anyio
Writers = Callable[[], Awaitable[Writer]]


@pytest.fixture
async def world(database_urls: DatabaseUrls, anyio_backend: str) -> AsyncIterator[World]:
    prepare(database_urls)
    async with open_world(database_urls) as opened:
        yield opened


@pytest.fixture
async def writers(world: World) -> AsyncIterator[Writers]:
    """Opens a writer at each call."""
    async with AsyncExitStack() as stack:
        yield lambda: stack.enter_async_context(Writer.open(world.urls))


async def one_pass(world: World, most: int) -> Pass:
    async with world.database.connection() as connection:
        return await sequencer.number(connection, Stream.FEED, most=most, known=None)


async def in_feed(world: World) -> list[Event]:
    reader = Reader(world.deps, ORGS[0])
    while await reader.read_on(200):
        pass
    details = [msgspec.json.decode(event.detail) for event in reader.events]
    return [(msgspec.convert(detail["vendorId"], type=type(an_aggregate())), detail["sequence"]) for detail in details]


async def test_one_with_an_early_number_that_waited_for_later_ones_is_taken_with_them(
    world: World, writers: Writers
) -> None:
    """A, the first, waits for C's aggregate, and C for D's: a pass of one row takes all three, and B between them."""
    a, b, c, d, e = [await writers() for _ in range(5)]
    first, second, between = an_aggregate(), an_aggregate(), an_aggregate()
    await a.begin()
    await b.one(between)
    await c.begin()
    await c.write(first)
    await d.begin()
    await d.write(second)
    waiting_c = asyncio.create_task(c.write(second))
    await asyncio.sleep(0.05)
    waiting_a = asyncio.create_task(a.write(first))
    await asyncio.sleep(0.05)
    assert not waiting_a.done()
    assert not waiting_c.done()
    await d.commit()
    await waiting_c
    await c.commit()
    await waiting_a
    await a.commit()
    await e.one(first)
    taken = await one_pass(world, most=1)
    assert (taken.outcome, taken.numbered) == (PassOutcome.MORE, 5)
    placed = await in_feed(world)
    assert set(placed) == {(between, 1), (first, 1), (first, 2), (second, 1), (second, 2)}
    assert placed.index((first, 1)) < placed.index((first, 2))
    assert placed.index((second, 1)) < placed.index((second, 2))
    assert (await one_pass(world, most=1)).outcome is PassOutcome.DONE
    assert (await in_feed(world))[5:] == [(first, 3)]


async def test_one_that_commits_late_comes_after_those_that_were_faster_and_nothing_is_gone_through_again(
    world: World, writers: Writers
) -> None:
    slow, slower, quick = await writers(), await writers(), await writers()
    for writer in (slow, slower):
        await writer.begin()
        await writer.write(an_aggregate(), 3)
    for _ in range(50):
        await quick.one(an_aggregate())
    assert (await one_pass(world, most=1000)).numbered == 50
    await slower.commit()
    await slow.commit()
    # Both ended before the fifty that are seen: a pass that took one of them has still seen these.
    assert [(await one_pass(world, most=1)).numbered for _ in range(3)] == [3, 3, 0]
    assert await in_feed(world) == [*sorted(quick.committed), *slow.committed, *slower.committed]


async def test_what_was_rolled_back_leaves_no_hole(world: World, writers: Writers) -> None:
    writer = await writers()
    kept, dropped = an_aggregate(), an_aggregate()
    for _ in range(3):
        await writer.begin()
        await writer.write_in_vain(kept, 2)
        await writer.write(kept)
        await writer.write_in_vain(dropped, 2)
        await writer.commit()
        await writer.begin()
        await writer.write(kept, 4)
        await writer.roll_back()
    assert (await one_pass(world, most=2)).numbered == 2
    assert (await one_pass(world, most=2)).numbered == 1
    assert await in_feed(world) == [(kept, 1), (kept, 2), (kept, 3)]


async def test_a_transaction_is_taken_whole_however_small_the_pass(world: World, writers: Writers) -> None:
    writer = await writers()
    await writer.one(an_aggregate(), 40)
    await writer.one(an_aggregate(), 2)
    assert [(await one_pass(world, most=7)).numbered for _ in range(3)] == [40, 2, 0]


async def test_while_one_session_numbers_others_find_it_busy(world: World, writers: Writers) -> None:
    await (await writers()).one(an_aggregate())
    async with await psycopg.AsyncConnection.connect(world.urls.app) as other:
        await other.execute("SELECT number_stream('feed', 10, NULL)")
        assert (await one_pass(world, most=10)).outcome is PassOutcome.BUSY
        await other.rollback()
    assert (await one_pass(world, most=10)).numbered == 1


async def test_a_pass_that_dies_has_done_nothing(world: World, writers: Writers) -> None:
    writer = await writers()
    await writer.one(an_aggregate(), 5)
    async with await psycopg.AsyncConnection.connect(world.urls.app) as dying:
        await dying.execute("SELECT number_stream('feed', 10, NULL)")
        # Until it is gone: it tells its client first, and lets go of its locks then.
        gone = world.rows("SELECT pg_terminate_backend(%s, 30000) AS gone", dying.info.backend_pid)
        assert gone == [{"gone": True}]
        with pytest.raises(psycopg.OperationalError):
            await dying.commit()
    assert await in_feed(world) == []
    assert (await one_pass(world, most=10)).numbered == 5
    assert await in_feed(world) == writer.committed


async def test_when_nothing_began_or_ended_a_pass_is_idle_and_every_ninth_looks_all_the_same(
    world: World, writers: Writers
) -> None:
    await (await writers()).one(an_aggregate())
    numbering = Numbering(world.database)
    outcomes = [(await numbering.number(Stream.FEED)).outcome for _ in range(12)]
    expected = [PassOutcome.DONE, PassOutcome.DONE, *[PassOutcome.IDLE] * 8, PassOutcome.DONE, PassOutcome.IDLE]
    assert outcomes == expected


async def test_organisations_have_positions_of_their_own(world: World, writers: Writers) -> None:
    north = await writers()
    async with Writer.open(world.urls, ORGS[1]) as south:
        for writer in (north, south, north):
            await writer.one(an_aggregate(), 2)
    assert (await one_pass(world, most=100)).numbered == 6
    for org, many in zip(ORGS, (4, 2), strict=True):
        reader = Reader(world.deps, org)
        await reader.read_on(200)
        assert reader.position == many
