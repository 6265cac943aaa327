"""The sequencer at work behind the real write path: soon after each commit, everything has its position."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec
import psycopg
import pytest

from tests.database import DatabaseUrls
from tests.usecases.world import ORG, SERVICE, World, open_world, rounds, seeded
from tests.workers.relaying import Receiver, a_relay, eventually, subscribe
from vendorpay.domain.errors import AlreadyApproved, AlreadyDecided, InvalidTransition, Overloaded
from vendorpay.domain.feed import Envelope
from vendorpay.store.db import Database
from vendorpay.store.sequencer import Stream
from vendorpay.usecases import read_feed
from vendorpay.usecases.number_positions import Numbering
from vendorpay.workers import background
from vendorpay.workers import sequencer as sequencer_module
from vendorpay.workers.sequencer import Sequencer

pytestmark = pytest.mark.anyio
SOON_S = 20.0


@asynccontextmanager
async def running(*sequencers: Sequencer) -> AsyncIterator[None]:
    stop = asyncio.Event()
    tasks = [asyncio.create_task(each.run(stop)) for each in sequencers]
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 30)


@asynccontextmanager
async def served(urls: DatabaseUrls) -> AsyncIterator[tuple[World, Sequencer]]:
    """A process whose commits nudge its own sequencer."""
    async with Database.open(urls.app, pool_size=2) as database:
        sequencer = Sequencer(database)
        async with open_world(urls, after_commit=sequencer.nudge) as world:
            yield world, sequencer


async def _until(world: World, position: int) -> read_feed.FeedPage:
    async with asyncio.timeout(SOON_S):
        while (page := await read_feed.page(world.deps, SERVICE, after=0, limit=200)).position < position:
            await asyncio.sleep(0.001)
    return page


async def test_the_feed_of_two_processes_is_what_they_committed_in_each_payments_order(
    database_urls: DatabaseUrls,
) -> None:
    """Origin 28: an event for every change, and none without one."""
    chance = seeded("the feed of two processes")
    async with served(database_urls) as (one, first), served(database_urls) as (two, second), running(first, second):

        async def life() -> None:
            for _ in range(rounds(quick=8, soak=500)):
                made = await chance.choice((one, two)).create()
                acts = [chance.choice((one, two)).approve, chance.choice((one, two)).cancel]
                for act in chance.sample(acts, chance.randint(0, 2)):
                    with suppress(AlreadyApproved, AlreadyDecided, InvalidTransition):
                        await act(made.payment_id)

        await asyncio.gather(*(life() for _ in range(12)))
        wanted = one.rows("SELECT aggregate_id, sequence, event_id FROM outbox ORDER BY 1, 2")
        seen: list[Envelope] = []
        position = 0
        async with asyncio.timeout(SOON_S):
            while position < len(wanted):
                page = await read_feed.page(one.deps, SERVICE, after=position, limit=50)
                seen += page.events
                position = page.position
        assert [event.position for event in seen] == list(range(1, len(wanted) + 1))
        details = [msgspec.json.decode(event.detail) for event in seen]
        by_payment = sorted((detail["paymentId"], detail["position"], detail["sequence"]) for detail in details)
        assert [(payment, sequence) for payment, _, sequence in by_payment] == [
            (str(row["aggregate_id"]), row["sequence"]) for row in wanted
        ]
        assert {event.id for event in seen} == {row["event_id"] for row in wanted}
        await _assert_audit_follows(one)


async def _assert_audit_follows(world: World) -> None:
    """Audit entries have positions 1..n too, each chain in its order."""
    async with asyncio.timeout(SOON_S):
        while world.count("audit_positions") < world.count("payment_audit_log"):
            await asyncio.sleep(0.05)
    placed = world.rows("SELECT position, subject_id, seq FROM audit_positions ORDER BY position")
    assert [row["position"] for row in placed] == list(range(1, len(placed) + 1))
    by_chain = sorted((row["subject_id"], row["position"], row["seq"]) for row in placed)
    entries = world.rows("SELECT subject_id, seq FROM payment_audit_log ORDER BY 1, 2")
    assert [(subject, seq) for subject, _, seq in by_chain] == [(row["subject_id"], row["seq"]) for row in entries]


async def test_a_commit_is_in_the_feed_at_once_without_waiting_for_the_next_poll(
    database_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequencer_module, "PAUSE_S_MAX", 3600.0)
    async with served(database_urls) as (world, sequencer), running(sequencer):
        for number in range(1, 4):
            await asyncio.sleep(0.1)
            await world.create()
            assert [event.detail_type for event in (await _until(world, number)).events] == ["PaymentCreated"] * number


async def test_who_waits_for_events_is_told_when_there_are_some(database_urls: DatabaseUrls) -> None:
    told: list[int] = []
    async with open_world(database_urls) as world:
        await world.create()
        async with running(Sequencer(world.database, on_numbered=lambda: told.append(1))):
            await _until(world, 1)
            await asyncio.sleep(0.3)
    assert told == [1]


async def test_what_was_only_refused_or_repeated_nudges_nobody(database_urls: DatabaseUrls) -> None:
    nudges: list[int] = []
    async with open_world(database_urls, after_commit=lambda: nudges.append(1)) as world:
        made = await world.create()
        await world.cancel(made.payment_id)
        assert len(nudges) == 2
        with pytest.raises(AlreadyDecided):
            await world.approve(made.payment_id)
        assert len(nudges) == 2


async def test_nobody_nudges_and_the_event_of_another_process_is_found_all_the_same(
    database_urls: DatabaseUrls,
) -> None:
    async with served(database_urls) as (_, sequencer), open_world(database_urls) as other, running(sequencer):
        await asyncio.sleep(0.3)
        await other.create()
        await _until(other, 1)


async def test_a_sequencer_whose_database_goes_away_goes_on_where_it_was(database_urls: DatabaseUrls) -> None:
    async with served(database_urls) as (world, sequencer):
        stop = asyncio.Event()
        working = asyncio.create_task(background.run([sequencer], stop))
        for number in range(1, 4):
            await world.create()
            await _until(world, number)
            world.rows(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE query LIKE '%%number_stream%%' AND pid <> pg_backend_pid()"
            )
        stop.set()
        await asyncio.wait_for(working, 30)


async def test_a_pass_that_takes_too_long_is_tried_with_less(database_urls: DatabaseUrls) -> None:
    """A backlog, or a slow disk, must not stop the feed for good."""
    async with open_world(database_urls) as world:
        for _ in range(9):
            await world.create()
        world.rows(f"ALTER ROLE vendorpay_app IN DATABASE {database_urls.name} SET lock_timeout = '50ms'")
        async with Database.open(database_urls.app, pool_size=1) as database:
            numbering = Numbering(database, most=8)
            async with await psycopg.AsyncConnection.connect(database_urls.superuser) as slowing:
                await slowing.execute("SELECT FROM sequencer FOR UPDATE")
                with pytest.raises(Overloaded):
                    await numbering.number(Stream.FEED)
            assert [(await numbering.number(Stream.FEED)).numbered for _ in range(4)] == [2, 4, 3, 0]


async def test_a_feed_of_one_type_leads_on_over_the_others(database_urls: DatabaseUrls) -> None:
    async with served(database_urls) as (world, sequencer), running(sequencer):
        made = [await world.create() for _ in range(5)]
        await _until(world, 5)  # else one pass may take the cancellation too, and sort it behind its payment's creation
        await world.cancel(made[2].payment_id)
        await _until(world, 6)
        asked = {"after": 0, "limit": 1, "event_type": "PaymentCancelled"}
        first = await read_feed.page(world.deps, SERVICE, **asked)  # type: ignore[arg-type]
        assert [event.position for event in first.events] == [6]
        assert first.position == 6
        none = await read_feed.page(world.deps, SERVICE, after=0, limit=3, event_type="PaymentHeld")
        assert (none.events, none.position) == ((), 6)
        two = await read_feed.page(world.deps, SERVICE, after=1, limit=2, event_type="PaymentCreated")
        assert ([event.position for event in two.events], two.position) == ([2, 3], 3)
        beyond = await read_feed.page(world.deps, SERVICE, after=99, limit=3)
        assert (beyond.events, beyond.position) == ((), 99)
        assert world.rows("SELECT DISTINCT org_id FROM feed_positions") == [{"org_id": ORG}]


async def test_what_is_committed_before_the_first_start_is_in_line_for_who_announces_himself_slowly(
    database_urls: DatabaseUrls,
) -> None:
    """Origin 28. The sequencer was faster: nobody ever heard of the first payments of a new stage."""

    class Slow(Receiver):
        async def prepare(self) -> None:
            await asyncio.sleep(0.4)  # until here the sequencer alone has passed many times
            subscribe(world)

    async with open_world(database_urls) as world:
        await world.create()
        receiver, stop = Slow(), asyncio.Event()
        relay = a_relay(world, receiver)
        sequencer = Sequencer(world.database, after=relay.announced, on_numbered=relay.nudge)
        working = asyncio.create_task(background.run((sequencer, relay), stop))
        try:
            await eventually(
                lambda: [due.event.event_type for due in receiver.got] == ["PaymentCreated"], within_s=SOON_S
            )
        finally:
            stop.set()
            await working


async def test_a_sequencer_that_waits_for_a_relay_ends_when_it_should(database_urls: DatabaseUrls) -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    async with Database.open(database_urls.app, pool_size=1) as database, running(Sequencer(database, after=never)):
        await asyncio.sleep(0.05)  # that it ends within seconds is seen by `running`
