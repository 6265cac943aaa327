"""A COMMIT whose answer never comes: every command is answered exactly once, and done exactly once (correctness 5)."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import psycopg
import pytest

from tests.database import DatabaseUrls
from tests.usecases.odd_commands import Looking, taking
from tests.usecases.wire import Fault, wire_to
from tests.usecases.world import DISPATCHER, World, a_key, a_new_payment, open_world, payment_in, rounds, seeded
from vendorpay.domain.errors import DatabaseUnavailable, DuplicatePayment, Overloaded, VendorPayError
from vendorpay.domain.payment import Payment
from vendorpay.store.db import is_lost
from vendorpay.usecases import fate
from vendorpay.usecases.carry_out import _CommitUnanswered, _was_committed

pytestmark = pytest.mark.anyio
PATIENCE_S = 30.0
LOCKS = b"pg_try_advisory"
WRITES = b"INSERT INTO payments"
AT_ONCE = b"\0straight_"
"""Where the one statement is executed that writes on the guess that nothing is in its way: its name behind that of its
portal, which has none."""
PREPARED = b"unclaimed"
"""Where it is prepared before, once for each connection: in its text."""
COMMITTED = """
SELECT 1 FROM commands WHERE NOT EXISTS (
    SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
    WHERE l.locktype = 'advisory' AND d.datname = current_database())"""
"""What was sent before the line broke is on record, and its transaction has let go of its key."""


async def _creations(world: World, count: int) -> list[Payment]:
    """All in one batch, on the short way."""
    done = await asyncio.gather(*(world.submit(world.creation()) for _ in range(count)))
    return [payment_in(one) for one in done]


async def _creations_beside_an_approval(world: World, count: int) -> list[Payment]:
    """All in one batch, which asks before it writes."""
    waiting = await world.create()
    commands = [world.approval(waiting.payment_id), *(world.creation() for _ in range(count - 1))]
    done = await asyncio.gather(*(world.submit(command) for command in commands))
    return [payment_in(one) for one in done]


@pytest.mark.parametrize("trigger", [AT_ONCE, LOCKS, WRITES, b"COMMIT"])
@pytest.mark.parametrize("fault", [Fault.CUT_BEFORE, Fault.CUT_AFTER])
@pytest.mark.parametrize("creations", [_creations, _creations_beside_an_approval])
async def test_a_line_that_is_cut_anywhere_leaves_every_command_done_and_answered_once(
    database_urls: DatabaseUrls,
    creations: Callable[[World, int], Awaitable[list[Payment]]],
    trigger: bytes,
    fault: Fault,
) -> None:
    async with wire_to(database_urls.app) as (wire, url), open_world(database_urls, app_url=url) as world:
        one = await _creations(world, 1)
        before = world.count("commands")
        wire.strike_at(trigger, fault, times=2)
        made = one + await asyncio.wait_for(creations(world, 4), PATIENCE_S)
        written = 4 if creations is _creations else 5  # an approval is written on a payment that is there
        assert wire.struck >= 1 or (creations is _creations and trigger == b"COMMIT")
        assert len({payment.payment_id for payment in made}) == 5
        assert {row["payment_id"] for row in world.rows("SELECT payment_id FROM payments")} == {
            payment.payment_id for payment in made
        }
        assert world.count("commands") - before == written
        assert world.count("payment_audit_log") == world.count("outbox") == 1 + written
        assert (await world.audit()).clean


@pytest.mark.parametrize("trigger", [PREPARED, AT_ONCE])
@pytest.mark.parametrize("fault", [Fault.CUT_BEFORE, Fault.CUT_AFTER])
async def test_a_line_that_is_cut_while_one_creates_alone_leaves_it_done_once(
    database_urls: DatabaseUrls, fault: Fault, trigger: bytes
) -> None:
    async with wire_to(database_urls.app) as (wire, url), open_world(database_urls, app_url=url) as world:
        wire.strike_at(trigger, fault, times=2)
        (made,) = await asyncio.wait_for(_creations(world, 1), PATIENCE_S)
        assert wire.struck >= 1
        assert [row["payment_id"] for row in world.rows("SELECT payment_id FROM payments")] == [made.payment_id]


async def test_a_commit_that_was_lost_twice_is_not_done_a_second_time(database_urls: DatabaseUrls) -> None:
    """The answer of COMMIT and that of the question about it are both lost."""
    async with wire_to(database_urls.app) as (wire, url), open_world(database_urls, app_url=url) as world:
        wire.strike_at(b"COMMIT", Fault.CUT_AFTER)
        wire.on_strike = lambda: wire.strike_at(b"pg_xact_status", Fault.CUT_AFTER, times=3)
        made = await asyncio.wait_for(_creations_beside_an_approval(world, 3), PATIENCE_S)
        assert wire.struck == 3
        assert {row["payment_id"] for row in world.rows("SELECT payment_id FROM payments")} == {
            payment.payment_id for payment in made
        }


@pytest.mark.parametrize("count", [1, 3])
async def test_a_statement_by_itself_that_was_lost_twice_is_not_done_a_second_time(
    database_urls: DatabaseUrls, count: int
) -> None:
    async with wire_to(database_urls.app) as (wire, url), open_world(database_urls, app_url=url) as world:
        wire.strike_at(AT_ONCE, Fault.CUT_AFTER)
        wire.on_strike = lambda: wire.strike_at(b"pg_advisory_xact_lock", Fault.CUT_AFTER, times=3)
        made = await asyncio.wait_for(_creations(world, count), PATIENCE_S)
        assert wire.struck == 3
        assert {row["payment_id"] for row in world.rows("SELECT payment_id FROM payments")} == {
            payment.payment_id for payment in made
        }


@pytest.mark.parametrize(
    ("trigger", "count", "creations"),
    [(AT_ONCE, 1, _creations), (AT_ONCE, 3, _creations), (b"COMMIT", 3, _creations_beside_an_approval)],
)
async def test_a_server_that_goes_silent_after_commit_holds_nobody_for_ever(
    database_urls: DatabaseUrls,
    trigger: bytes,
    count: int,
    creations: Callable[[World, int], Awaitable[list[Payment]]],
) -> None:
    async with (
        wire_to(database_urls.app) as (wire, url),
        open_world(database_urls, app_url=url, patience_s=1.5) as world,
    ):

        def be_patient() -> None:
            world.database._patience_s = PATIENCE_S  # whatever comes after the silence may be slow

        wire.on_strike = be_patient
        wire.strike_at(trigger, Fault.SILENT)
        made = await asyncio.wait_for(creations(world, count), PATIENCE_S)
        assert wire.struck == 1
        assert world.count("payments") == count
        assert (await world.approve(made[-1].payment_id)).status == "approved"


async def test_a_database_that_is_away_is_a_refusal_and_comes_back(
    database_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with wire_to(database_urls.app) as (wire, url), open_world(database_urls, app_url=url) as world:
        await world.create()
        monkeypatch.setattr(world.database._pool, "timeout", 0.5)  # only now: the first connection may take its time
        wire.down = True
        wire.cut_all()
        with pytest.raises(DatabaseUnavailable) as refused:
            await world.create()
        assert refused.value.__cause__ is not None, "the log must be able to say why"
        wire.down = False
        await _eventually_created(world)
        assert world.count("payments") == 2


async def _eventually_created(world: World) -> None:
    new = a_new_payment()
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            await world.create(new)
        except DatabaseUnavailable:
            continue
        return
    raise AssertionError("the database did not come back")


async def test_an_idempotency_key_finds_what_was_committed_while_the_answer_was_unknown(
    database_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 after a COMMIT that did happen: the caller's repetition gets the first answer."""
    monkeypatch.setattr(fate, "FATE_S_MAX", 0.0)
    async with wire_to(database_urls.app) as (wire, url), open_world(database_urls, app_url=url) as world:
        new, key = a_new_payment(), a_key("k")
        wire.strike_at(AT_ONCE, Fault.CUT_AFTER)
        with pytest.raises(DatabaseUnavailable):
            await world.create(new, key=key)
        await _until(world, COMMITTED)
        again = await world.submit(world.creation(new, key=key))
        assert again.replayed
        with pytest.raises(DuplicatePayment):
            await world.create(new)
        assert world.count("payments") == 1


async def test_a_commit_that_hangs_is_waited_for_and_not_repeated(
    database_urls: DatabaseUrls,
) -> None:
    """A standby that does not confirm: the transaction is in progress for as long as that lasts."""
    name = "synchronous_standby_names"
    async with wire_to(database_urls.app) as (wire, url), open_world(database_urls, app_url=url) as world:
        await world.create()  # the connection is there
        _configure(database_urls, f"ALTER SYSTEM SET {name} = 'nobody'")
        try:
            creating = asyncio.create_task(world.create())
            while not await _hangs(world, creating):  # a server heeds its settings a moment after it was told to
                creating = asyncio.create_task(world.create())
            there = world.count("payments")
            wire.cut_all()
            done, _ = await asyncio.wait([creating], timeout=0.5)
            assert not done, "nothing is answered while the fate is open"
            assert world.count("payments") == there
        finally:
            _configure(database_urls, f"ALTER SYSTEM RESET {name}")
        made = await asyncio.wait_for(creating, PATIENCE_S)
        assert world.count("payments") == there + 1
        assert (await world.approve(made.payment_id)).status == "approved"


def _configure(urls: DatabaseUrls, statement: str) -> None:
    with psycopg.connect(urls.superuser, autocommit=True) as connection:
        connection.execute(statement.encode())
        connection.execute("SELECT pg_reload_conf()")


async def _hangs(world: World, creating: asyncio.Task[Payment]) -> bool:
    """Whether its COMMIT waits for a standby; not when it was made without one."""
    deadline = time.monotonic() + PATIENCE_S
    while not creating.done():
        if world.rows("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"):
            return True
        assert time.monotonic() < deadline, "it neither ends nor waits"
        await asyncio.sleep(0.02)
    creating.result()
    return False


async def _until(world: World, statement: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not world.rows(statement):
        assert time.monotonic() < deadline, f"never true: {statement}"
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("xid", ["3", "9000000000000000000"])
async def test_a_transaction_id_that_is_old_or_not_yet_given_is_no_proof(world: World, xid: str) -> None:
    """A crashed server gives numbers anew, or has never heard of ours: only the command's row proves the commit."""
    made = await world.submit(world.creation())
    (row,) = world.rows("SELECT command_id FROM commands")
    assert await _was_committed(world.database, _CommitUnanswered(xid, [row["command_id"]], [made])) is True
    assert await _was_committed(world.database, _CommitUnanswered(xid, [world.new_command_id()], [made])) is False


async def test_a_number_that_another_transaction_got_after_a_crash_is_no_proof(world: World) -> None:
    await world.create()
    (row,) = world.rows("SELECT xid::text FROM outbox")
    unanswered = _CommitUnanswered(row["xid"], [world.new_command_id()], [])
    assert await _was_committed(world.database, unanswered) is False


async def test_fault_86_broken_connections_are_thrown_away_and_replaced_at_once(world: World) -> None:
    for _ in range(3):
        await asyncio.gather(*(_hold_a_connection(world) for _ in range(6)))
        world.rows("SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE usename = 'vendorpay_app'")
        began = time.monotonic()
        await world.create()
        assert time.monotonic() - began < 4, "not one by one, each later than the one before"
    assert world.count("payments") == 3


async def _hold_a_connection(world: World) -> None:
    async with world.database.reading() as connection:
        await connection.execute("SELECT pg_sleep(0.05)")


async def test_fault_86_the_error_of_a_broken_connection_is_kept(world: World) -> None:
    async def use_it() -> None:
        async with world.database.connection() as connection:
            await connection.execute("BEGIN")
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(psycopg.OperationalError) as caught:
        await use_it()
    assert is_lost(caught.value)
    assert (await world.create()).version == 1


@pytest.mark.parametrize("timeout", ["idle_in_transaction_session_timeout", "transaction_timeout"])
async def test_a_server_that_hung_up_on_a_slow_process_counts_as_lost(
    database_urls: DatabaseUrls, timeout: str
) -> None:
    url = f"{database_urls.app}&options=-c%20{timeout}%3D50"
    async with open_world(database_urls, app_url=url) as world, world.database.connection() as connection:
        await connection.execute("BEGIN")
        await asyncio.sleep(0.2)
        with pytest.raises(psycopg.Error) as caught:
            await connection.execute("SELECT 1")
        assert is_lost(caught.value)


async def test_a_process_that_was_frozen_between_its_locks_and_its_rows_does_it_again(
    database_urls: DatabaseUrls,
) -> None:
    """By transaction_timeout; after a pipeline idle_in_transaction_session_timeout does not strike, for libpq's Flush
    behind the Sync disarms it."""
    url = f"{database_urls.app}&options=-c%20transaction_timeout%3D1000"
    async with open_world(database_urls, app_url=url) as world:
        seen: list[str] = []
        slow = Looking(
            command_id=world.new_command_id(),
            caller=DISPATCHER,
            name="slow",
            seen=seen,
            then=lambda facts: taking(1.5)(facts) if len(seen) == 1 else None,
        )
        await world.submit(slow)
        assert seen == ["slow", "slow"]
        assert world.count("commands") == 1


async def test_fault_87_nothing_is_answered_or_logged_before_its_commit(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[int] = []

    def look(task: asyncio.Task[object]) -> None:
        seen.append(world.count("payments"))

    creating = asyncio.create_task(world.create())
    creating.add_done_callback(look)
    await creating
    await asyncio.sleep(0)
    assert seen == [1], "the row is there when the answer is"
    assert not [record for record in caplog.records if record.name.startswith("vendorpay")]


async def test_backends_killed_at_random_lose_and_double_nothing(database_urls: DatabaseUrls) -> None:
    chance, payments_each = seeded("killed backends"), rounds(quick=8, soak=500)
    async with open_world(database_urls) as world:
        answered: list[Payment] = []
        refused: list[VendorPayError] = []

        async def client() -> None:
            for _ in range(payments_each):
                new = a_new_payment()
                try:
                    answered.append(await world.create(new))
                except (DatabaseUnavailable, Overloaded) as error:
                    refused.append(error)

        over = asyncio.Event()

        async def killer() -> None:
            while not over.is_set():
                await asyncio.to_thread(
                    world.rows,
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'vendorpay_app'"
                    " AND query <> '' ORDER BY random() LIMIT 1",
                )
                await asyncio.sleep(chance.uniform(0, 0.1))

        killing = asyncio.create_task(killer())
        await asyncio.gather(*(client() for _ in range(6)))
        over.set()
        await killing  # its thread too: a kill under way would strike who reads below
        stored = {row["payment_id"] for row in world.rows("SELECT payment_id FROM payments")}
        told = {payment.payment_id for payment in answered}
        assert told <= stored, "what was answered is there"
        assert len(stored - told) <= len(refused), "what is there was answered, or its answer was unknown"
        assert len(told) == len(answered)
        assert world.count("commands") == len(stored)
    async with open_world(database_urls) as after:  # on connections that nobody kills
        assert (await after.audit()).clean
