"""No caller is ever in a deadlock with a migration: it has its locks before it begins, and waits holding none."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest

from tests.database import DatabaseUrls
from vendorpay.store import migrate as migrating
from vendorpay.store import migration_locks
from vendorpay.store.migrate import NO_TRANSACTION, Migration, MigrationError, migrate, shipped
from vendorpay.store.migration_locks import TableLock, take_locks, wanted_locks
from vendorpay.store.scripts import StatementFailed, run_script

pytestmark = pytest.mark.anyio

NAME = "9000_pre_extra"
PATIENCE_S = 30.0
DEADLOCK_TIMEOUT_S = 1.0
"""PostgreSQL's own, which nobody here changes."""
TRIGGER = "CREATE TRIGGER more AFTER UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION refuse_change()"
NAMED = f"ALTER TABLE approvals ADD COLUMN more int; {TRIGGER}"
OF_PARTS = TRIGGER.replace("payments", "pay' || 'ments")
UNFORESEEN = f"ALTER TABLE approvals ADD COLUMN more int; DO $$ BEGIN EXECUTE '{OF_PARTS}'; END $$"
STRONG = ("ShareUpdateExclusiveLock", "ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock")
COVERED = {
    "EXCLUSIVE": {"RowShareLock", "RowExclusiveLock", *STRONG[:-1]},
    "ACCESS EXCLUSIVE": {"AccessShareLock", "RowShareLock", "RowExclusiveLock", *STRONG},
}
TAKEN = """
SELECT l.relation::regclass::text, l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND c.relkind IN ('r', 'p') AND c.oid >= 16384
      AND l.mode <> 'AccessShareLock'"""
TABLES = "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p') AND oid >= 16384"
WAITS_FOR_PAYMENTS = """
SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'payments'::regclass AND pid <> pg_backend_pid()"""
HELD = "SELECT 1 FROM pg_locks WHERE granted AND relation = 'approvals'::regclass AND mode LIKE '%Exclusive%'"


def extra(text: str) -> list[Migration]:
    return [*shipped(), Migration(name=NAME, text=text)]


@asynccontextmanager
async def caller(urls: DatabaseUrls) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """Somebody who has changed payments, and is not ready yet."""
    async with await psycopg.AsyncConnection.connect(urls.superuser) as connection:
        await connection.execute("LOCK TABLE payments IN ROW EXCLUSIVE MODE")
        yield connection
        await connection.rollback()


async def is_seen(urls: DatabaseUrls, statement: str) -> None:
    async with await psycopg.AsyncConnection.connect(urls.superuser, autocommit=True) as onlooker:
        deadline = time.monotonic() + PATIENCE_S
        while not await (await onlooker.execute(statement.encode())).fetchone():
            assert time.monotonic() < deadline, "it was not seen"
            await asyncio.sleep(0.002)


async def test_a_caller_who_goes_from_payments_to_approvals_is_in_no_deadlock(database_urls: DatabaseUrls) -> None:
    """The migration had altered approvals, and waited for payments: PostgreSQL ended the caller's transaction."""
    async with caller(database_urls) as someone:
        running = asyncio.create_task(migrate(database_urls.owner, extra(NAMED)))
        await is_seen(database_urls, WAITS_FOR_PAYMENTS)
        await asyncio.sleep(DEADLOCK_TIMEOUT_S * 1.2)  # the migration has looked for a deadlock: the next to look is he
        await someone.execute("SET LOCAL lock_timeout = '5s'")
        await someone.execute("LOCK TABLE approvals IN ROW EXCLUSIVE MODE")
        assert not running.done()
        await someone.commit()
        assert await running == [NAME]


async def test_nor_is_one_who_waits_already_when_the_migration_comes_to_what_it_does_not_name(
    database_urls: DatabaseUrls,
) -> None:
    """His second is over within the migration's wait, unless that has none."""
    text = UNFORESEEN.replace("; DO", f"; SELECT pg_sleep({DEADLOCK_TIMEOUT_S * 0.6}); DO")
    async with caller(database_urls) as someone:
        running = asyncio.create_task(migrate(database_urls.owner, extra(text)))
        await is_seen(database_urls, HELD)
        await someone.execute("SET LOCAL lock_timeout = '5s'")
        await someone.execute("LOCK TABLE approvals IN ROW EXCLUSIVE MODE")
        await someone.commit()
        assert await running == [NAME]


async def test_it_waits_for_what_was_in_use_and_keeps_nobody_from_the_others(database_urls: DatabaseUrls) -> None:
    async with caller(database_urls) as someone:
        running = asyncio.create_task(migrate(database_urls.owner, extra(NAMED)))
        await is_seen(database_urls, WAITS_FOR_PAYMENTS)
        async with await psycopg.AsyncConnection.connect(database_urls.superuser) as other:
            await other.execute("LOCK TABLE approvals IN EXCLUSIVE MODE NOWAIT")
        await someone.commit()
        assert await running == [NAME]


async def test_a_table_that_stays_in_use_ends_it_and_nothing_is_held_afterwards(
    database_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration_locks, "FIRST_WAIT", "20ms")
    monkeypatch.setattr(migrating, "LOCKS_S_MAX", 0.3)
    async with caller(database_urls) as someone:
        for text, table in ((NAMED, "The table payments"), (UNFORESEEN, "A table")):
            with pytest.raises(MigrationError, match=f"{table} was in use for too long; nothing was changed"):
                await migrate(database_urls.owner, extra(text))
        await someone.execute("LOCK TABLE approvals IN ACCESS EXCLUSIVE MODE NOWAIT")


async def test_every_migration_locks_beforehand_what_it_will_lock(empty_database_urls: DatabaseUrls) -> None:
    """Add a table to its text, as `LOCK TABLE .. IN .. MODE`, where this fails."""
    await migrate(empty_database_urls.owner, [])
    async with await psycopg.AsyncConnection.connect(empty_database_urls.owner, autocommit=True) as connection:
        for migration in shipped():
            if migration.text.startswith(NO_TRANSACTION):
                await run_script(connection, migration.text)
                continue
            wanted = {lock.table: lock.mode for lock in await wanted_locks(connection, migration.text)}
            there = {row[0] for row in await (await connection.execute(TABLES)).fetchall()}
            async with connection.transaction():
                await run_script(connection, migration.text)
                taken = await (await connection.execute(TAKEN)).fetchall()
            waited_for = {
                (table, mode)
                for table, mode in taken
                if table in there and mode not in COVERED.get(wanted.get(table, ""), ())
            }
            assert waited_for == set(), migration.name


async def test_only_what_it_names_is_locked_and_readers_are_let_in_where_they_can_be(
    database_urls: DatabaseUrls,
) -> None:
    text = """
    -- holds are not touched
    CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM commands; RETURN NULL; END $$;
    CREATE TRIGGER t BEFORE TRUNCATE ON APPROVALS FOR EACH STATEMENT EXECUTE FUNCTION f();
    DROP INDEX idx_payments_flagged;
    CREATE TABLE more (org_id text REFERENCES subscriptions); GRANT SELECT ON inbox TO x;
    CREATE VIEW v AS SELECT * FROM pending_approvals; ALTER TABLE outbox ADD COLUMN more int;
    CREATE TABLE audit_of_then PARTITION OF payment_audit_log FOR VALUES FROM (1) TO (2)
    """
    async with await psycopg.AsyncConnection.connect(database_urls.owner) as connection:
        wanted = await wanted_locks(connection, text)
        partitions = await connection.execute(
            "SELECT relid::regclass::text FROM unnest('{outbox,payment_audit_log}'::regclass[]) AS t (whole),"
            " pg_partition_tree(whole)"
        )
        months = {TableLock(table, readers_too=True) for (table,) in await partitions.fetchall()}
        assert len(months) > 40
        some = {("approvals", False), ("subscriptions", False), ("payments", True)}
        assert set(wanted) == months | some
        assert len(wanted) == len(set(wanted))


async def test_a_partition_that_is_dropped_meanwhile_is_not_missed(
    database_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    async def of_a_moment_ago(connection: psycopg.AsyncConnection[Any], text: str) -> list[TableLock]:
        seen.append(text)
        gone = [TableLock("outbox_of_long_ago", readers_too=True)] if len(seen) == 1 else []
        return [*await wanted_locks(connection, text), *gone]

    monkeypatch.setattr(migrating, "wanted_locks", of_a_moment_ago)
    assert await migrate(database_urls.owner, extra(NAMED)) == [NAME]
    assert len(seen) == 2


async def test_the_lock_that_was_not_to_be_had_is_told(database_urls: DatabaseUrls) -> None:
    wanted = [TableLock("approvals", readers_too=True), TableLock("payments", readers_too=False)]
    async with caller(database_urls), await psycopg.AsyncConnection.connect(database_urls.owner) as connection:
        with pytest.raises(StatementFailed) as caught:
            await take_locks(connection, wanted)
    assert (caught.value.number, type(caught.value.error)) == (2, psycopg.errors.LockNotAvailable)
