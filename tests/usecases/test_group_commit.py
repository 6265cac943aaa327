"""The queue in front of the write path: nobody waits for a timer, a neighbour or somebody else's lock."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import psycopg
import pytest

from tests.database import DatabaseUrls
from tests.usecases.odd_commands import Looking
from tests.usecases.world import ADMIN, DISPATCHER, OTHER_DISPATCHER, World, a_new_payment, open_world, payment_in
from vendorpay.domain.errors import AlreadyDecided, NotFound, Overloaded
from vendorpay.store.claims import lock_hash
from vendorpay.usecases import group_commit
from vendorpay.usecases.carry_out import Result, WritePath, carry_out
from vendorpay.usecases.command import Command
from vendorpay.usecases.group_commit import GroupCommit

pytestmark = pytest.mark.anyio

PATIENCE_S = 30.0
"""Of who must not wait at all. Whether somebody waited for a lock is told by who holds it still, not by the clock."""


@asynccontextmanager
async def row_locked(world: World, payment_id: UUID) -> AsyncIterator[None]:
    """Another connection holds the payment's row."""
    async with await psycopg.AsyncConnection.connect(world.urls.superuser) as other:
        await other.execute("SELECT FROM payments WHERE payment_id = %s FOR UPDATE", [payment_id])
        yield
        await other.rollback()


def looking(world: World, name: str, seen: list[str], claim: str | None = None) -> Looking:
    return Looking(command_id=world.new_command_id(), caller=DISPATCHER, name=name, seen=seen, claim=claim)


async def test_a_command_that_is_alone_waits_for_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "LONG_S", 60.0)
    await world.create()
    async with asyncio.timeout(PATIENCE_S):
        for _ in range(10):
            await world.create()
    assert len(world.rows("SELECT DISTINCT xmin::text FROM commands")) == 11, "each had a transaction of its own"


async def test_what_arrives_together_is_committed_together(world: World) -> None:
    await asyncio.gather(*(world.create() for _ in range(100)))
    assert len(world.rows("SELECT DISTINCT xmin::text FROM commands")) <= 4


@dataclass
class Held:
    """The first batch waits, as it would for a slow disk; how large those behind it are."""

    go_on: asyncio.Event
    behind: list[int]


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    held, batches = Held(asyncio.Event(), []), itertools.count()

    async def slow_at_first(path: WritePath, commands: Sequence[Command], *, wait: bool = False) -> list[Result]:
        if next(batches) == 0:
            await held.go_on.wait()
        else:
            held.behind.append(len(commands))
        return await carry_out(path, commands, wait=wait)

    monkeypatch.setattr(group_commit, "carry_out", slow_at_first)
    return held


async def test_a_few_wait_for_the_batch_under_way_and_then_go_together(
    world: World, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "LONG_S", 30.0)
    made = [asyncio.create_task(world.create())]
    await asyncio.sleep(0)
    made += [asyncio.create_task(world.create()) for _ in range(group_commit.CROWD - 1)]
    await asyncio.sleep(0.05)
    assert held.behind == []
    held.go_on.set()
    await asyncio.wait_for(asyncio.gather(*made), PATIENCE_S)
    assert held.behind == [group_commit.CROWD - 1]


async def test_a_crowd_is_written_beside_the_batch_under_way(
    world: World, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "LONG_S", 30.0)
    first = asyncio.create_task(world.create())
    await asyncio.sleep(0)
    await asyncio.wait_for(asyncio.gather(*(world.create() for _ in range(group_commit.CROWD))), PATIENCE_S)
    assert sum(held.behind) == group_commit.CROWD
    assert not first.done()
    held.go_on.set()
    await first


async def test_of_a_large_crowd_each_writer_takes_its_share(world: World, held: Held) -> None:
    crowd = 3 * group_commit.CROWD
    made = [asyncio.create_task(world.create()) for _ in range(crowd)]
    await asyncio.sleep(0)
    await asyncio.wait_for(asyncio.wait(made, return_when=asyncio.FIRST_COMPLETED), PATIENCE_S)
    assert held.behind[0] == crowd // group_commit.WRITERS, "half of them beside the batch under way"
    held.go_on.set()
    await asyncio.gather(*made)


async def test_a_writer_leaves_a_few_to_the_other_that_is_about_to_end(
    world: World, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "LONG_S", 30.0)
    first = asyncio.create_task(world.create())
    await asyncio.sleep(0)
    crowd = [asyncio.create_task(world.create()) for _ in range(group_commit.CROWD)]
    await asyncio.sleep(0)
    few = [asyncio.create_task(world.create()) for _ in range(3)]
    await asyncio.wait_for(asyncio.gather(*crowd), PATIENCE_S)
    await asyncio.sleep(0.05)
    assert held.behind == [group_commit.CROWD]
    held.go_on.set()
    await asyncio.wait_for(asyncio.gather(first, *few), PATIENCE_S)
    assert held.behind == [group_commit.CROWD, 3]


async def test_what_a_writer_left_waits_no_longer_than_others_when_the_other_is_slow(world: World, held: Held) -> None:
    first = asyncio.create_task(world.create())
    await asyncio.sleep(0)
    crowd = [asyncio.create_task(world.create()) for _ in range(group_commit.CROWD)]
    await asyncio.sleep(0)
    few = [asyncio.create_task(world.create()) for _ in range(3)]
    await asyncio.wait_for(asyncio.gather(*crowd, *few), PATIENCE_S)
    assert not first.done()
    held.go_on.set()
    await first


async def test_nobody_waits_long_for_a_writer_that_is_slow(world: World, held: Held) -> None:
    first = asyncio.create_task(world.create())
    await asyncio.sleep(0)
    await asyncio.wait_for(world.create(), PATIENCE_S)
    assert not first.done()
    held.go_on.set()
    await first


async def test_commands_with_one_claim_are_carried_out_in_the_order_of_their_arrival(world: World) -> None:
    seen: list[str] = []
    names = [f"{claim}{number}" for number in range(12) for claim in "abc"]
    await asyncio.gather(*(world.submit(looking(world, name, seen, claim=name[0])) for name in names))
    for claim in "abc":
        assert [name for name in seen if name[0] == claim] == [name for name in names if name[0] == claim]


async def test_an_approval_never_overtakes_the_rejection_before_it(world: World) -> None:
    made = await world.create()
    rejecting = asyncio.create_task(world.reject(made.payment_id))
    await asyncio.sleep(0)
    with pytest.raises(AlreadyDecided):
        await world.approve(made.payment_id)
    assert (await rejecting).status == "rejected"


async def test_a_full_queue_refuses_and_forgets_nothing_it_took(database_urls: DatabaseUrls) -> None:
    async with open_world(database_urls, queue_max=10) as world:
        ended = await asyncio.gather(*(world.submit(world.creation()) for _ in range(60)), return_exceptions=True)
        refused = [one for one in ended if isinstance(one, Overloaded)]
        assert refused
        assert all(not isinstance(one, BaseException) or isinstance(one, Overloaded) for one in ended)
        assert world.count("payments") == 60 - len(refused) >= 10
        await world.create()


async def test_closing_answers_what_is_held_and_takes_no_more(database_urls: DatabaseUrls) -> None:
    async with open_world(database_urls, batch_max=4) as world:
        pending = [asyncio.create_task(world.submit(world.creation())) for _ in range(30)]
        await asyncio.sleep(0)
        closing = asyncio.create_task(world.group.aclose())
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await world.create()
        await asyncio.wait_for(closing, PATIENCE_S)
        assert all(task.done() for task in pending), "closed means answered"
        assert len({payment_in(task.result()).payment_id for task in pending}) == world.count("payments") == 30


async def test_closing_waits_for_stragglers(patient_world: World) -> None:
    made = await patient_world.create()
    async with row_locked(patient_world, made.payment_id):
        approving = asyncio.create_task(patient_world.approve(made.payment_id))
        following = asyncio.create_task(patient_world.approve(made.payment_id, by=ADMIN))
        await asyncio.sleep(0.1)
        closing = asyncio.create_task(patient_world.group.aclose())
        await asyncio.sleep(0.1)
        assert not closing.done()
    await asyncio.wait_for(closing, PATIENCE_S)
    assert (await approving).status == "approved"
    with pytest.raises(AlreadyDecided):
        await following


async def test_a_queue_that_was_never_started_closes_at_once(world: World) -> None:
    await asyncio.wait_for(GroupCommit(world.path).aclose(), PATIENCE_S)


async def test_a_caller_that_hangs_up_cancels_nothing(world: World) -> None:
    tasks = [asyncio.create_task(world.submit(world.creation())) for _ in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(one, asyncio.CancelledError) for one in ended) == 10
    await world.create()
    assert world.count("payments") == 21


async def test_a_locked_row_stalls_nobody_else_and_is_answered_after_its_release(patient_world: World) -> None:
    locked, free = await patient_world.create(), await patient_world.create()
    async with row_locked(patient_world, locked.payment_id):
        waiting = asyncio.create_task(patient_world.approve(locked.payment_id))
        await asyncio.sleep(0.05)
        await asyncio.gather(patient_world.approve(free.payment_id), *(patient_world.create() for _ in range(50)))
        assert not waiting.done(), "they were done before its lock_timeout"
    assert (await asyncio.wait_for(waiting, PATIENCE_S)).status == "approved"


async def test_more_locked_rows_than_writers_stall_nobody_else(patient_world: World) -> None:
    locked = [await patient_world.create() for _ in range(8)]
    async with await psycopg.AsyncConnection.connect(patient_world.urls.superuser) as other:
        await other.execute("SELECT FROM payments FOR UPDATE")
        waiting = [asyncio.create_task(patient_world.approve(payment.payment_id)) for payment in locked]
        await asyncio.sleep(0.2)
        await asyncio.wait_for(patient_world.create(), PATIENCE_S)
        assert not any(task.done() for task in waiting), "it was done before their lock_timeout"
        await other.rollback()
    assert {payment.status for payment in await asyncio.gather(*waiting)} == {"approved"}


async def test_a_lock_that_is_never_released_is_a_refusal(database_urls: DatabaseUrls) -> None:
    """The role's lock_timeout is 5 s; here it is shortened as any client may."""
    url = f"{database_urls.app}&options=-c%20lock_timeout%3D200"
    async with open_world(database_urls, app_url=url) as world:
        made = await world.create()
        async with row_locked(world, made.payment_id):
            with pytest.raises(Overloaded):
                await asyncio.wait_for(world.approve(made.payment_id), PATIENCE_S)
        assert (await world.approve(made.payment_id)).status == "approved", "nothing was done, and nothing is stuck"


async def test_a_crowd_behind_a_locked_row_is_refused_together_and_not_one_after_the_other(
    database_urls: DatabaseUrls,
) -> None:
    """Each waits for the lock alone, up to lock_timeout; a hundred in a row would wait a hundred times as long."""
    url = f"{database_urls.app}&options=-c%20lock_timeout%3D300"
    async with open_world(database_urls, app_url=url, wait_s_max=0.4) as world:
        made = await world.create()
        async with row_locked(world, made.payment_id):
            began = time.monotonic()
            ended = await asyncio.gather(*(world.approve(made.payment_id) for _ in range(50)), return_exceptions=True)
            assert time.monotonic() - began < 8
            assert all(isinstance(one, Overloaded) for one in ended)
        assert (await world.approve(made.payment_id)).status == "approved"


async def test_a_job_that_is_locked_elsewhere_is_waited_for_alone(patient_world: World) -> None:
    new = a_new_payment()
    claim = patient_world.creation(new).job_claim()
    async with await psycopg.AsyncConnection.connect(patient_world.urls.superuser) as other:
        await other.execute("SELECT pg_advisory_xact_lock(%s)", [lock_hash(claim)])
        waiting = asyncio.create_task(patient_world.create(new))
        await asyncio.wait_for(patient_world.create(), PATIENCE_S)
        assert not waiting.done(), "it was done before its lock_timeout"
        await other.rollback()
    assert (await asyncio.wait_for(waiting, PATIENCE_S)).version == 1


async def test_an_unknown_payment_is_refused_and_never_waited_for(world: World) -> None:
    with pytest.raises(NotFound):
        await asyncio.wait_for(world.approve(world.new_command_id(), by=OTHER_DISPATCHER), PATIENCE_S)


async def test_a_writer_that_dies_leaves_nobody_waiting(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = GroupCommit(world.path)

    def broken() -> None:
        raise RuntimeError("a bug of the queue's own")

    monkeypatch.setattr(queue, "_take", broken)
    with pytest.raises(Overloaded):
        await asyncio.wait_for(queue.submit(world.creation()), PATIENCE_S)
    with pytest.raises(Overloaded):
        await queue.submit(world.creation())


async def test_crowds_take_turns_and_leave_room_for_one_who_comes_alone(database_urls: DatabaseUrls) -> None:
    async with open_world(database_urls, queue_max=100) as world:
        crowds = [[world.creation() for _ in range(12)] for _ in range(20)]
        together = asyncio.gather(*map(world.group.submit_all, crowds))
        await asyncio.sleep(0.01)
        await world.create()
        assert [len(done) for done in await together] == [12] * 20
    assert world.count("payments") == 241


async def test_a_batch_holds_so_many_lines_that_others_are_answered_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full batch of payments of two hundred lines each kept its process to itself for a second."""
    monkeypatch.setattr(group_commit, "BATCH_LINES_MAX", 10)
    wanted = [world.creation(a_new_payment(lines=[(1, 1)] * 4)) for _ in range(9)]
    made = [payment_in(done) for done in await world.group.submit_all(wanted)]
    assert [len(payment.line_items) for payment in made] == [4] * 9
    together = world.rows("SELECT count(*) AS payments FROM payments GROUP BY xmin::text")
    assert max(row["payments"] for row in together) == 3
