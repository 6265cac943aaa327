"""What migrations say when they fail: which statement of which file, and nothing that a row holds."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from tests.database import DatabaseUrls
from vendorpay.store import migrate as migrating
from vendorpay.store import migration_locks
from vendorpay.store.migrate import LOCK_KEY, Migration, MigrationError, migrate, shipped

pytestmark = pytest.mark.anyio

SECRET = "ann@example.org"
NAME = "9000_pre_extra"
A_TABLE = """
CREATE TABLE people (
    mail text CONSTRAINT people_mail_once UNIQUE,
    age int CONSTRAINT people_grown CHECK (age > 17)
);"""
TWICE = f"INSERT INTO people VALUES ('{SECRET}', 20), ('{SECRET}', 20)"
TOO_YOUNG = f"SELECT 1; INSERT INTO people VALUES ('{SECRET}', 3)"
NO_NUMBER = f"SELECT '{SECRET}'::int"
IN_WORDS = f"DO $$ BEGIN RAISE EXCEPTION 'not with {SECRET};'; END $$"
NO_COLUMN = f'ALTER TABLE people ADD COLUMN more int; ALTER TABLE people RENAME "{SECRET}" TO other'


def extra(text: str) -> list[Migration]:
    return [*shipped(), Migration(name=NAME, text=text)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TWICE, "2 failed: SQLSTATE 23505 (UniqueViolation), constraint people_mail_once, table people"),
        (TOO_YOUNG, "3 failed: SQLSTATE 23514 (CheckViolation), constraint people_grown, table people"),
        (NO_NUMBER, "2 failed: SQLSTATE 22P02 (InvalidTextRepresentation)"),
        (IN_WORDS, "2 failed: SQLSTATE P0001 (RaiseException)"),
        (NO_COLUMN, "3 failed: SQLSTATE 42703 (UndefinedColumn)"),
    ],
)
async def test_a_failure_names_statement_state_and_constraint_and_quotes_no_row(
    text: str, said: str, database_urls: DatabaseUrls
) -> None:
    with pytest.raises(MigrationError) as caught:
        await migrate(database_urls.owner, extra(f"{A_TABLE}\n-- the next fails\n{text}"))
    assert str(caught.value) == f"Migration {NAME} failed and was rolled back: its statement {said}."
    assert SECRET in (caught.value.said or ""), "whoever mends it reads the database's own words in the log"
    assert await migrate(database_urls.owner, extra(A_TABLE)) == [NAME]


async def test_what_is_checked_at_the_commit_is_told_too(database_urls: DatabaseUrls) -> None:
    text = (
        "CREATE TABLE people (mail text UNIQUE DEFERRABLE INITIALLY DEFERRED);"
        f"INSERT INTO people VALUES ('{SECRET}'), ('{SECRET}')"
    )
    with pytest.raises(MigrationError) as caught:
        await migrate(database_urls.owner, extra(text))
    assert str(caught.value) == (
        f"Migration {NAME} failed and was rolled back: SQLSTATE 23505 (UniqueViolation), constraint people_mail_key,"
        " table people."
    )


async def test_outside_of_a_transaction_nothing_is_promised(database_urls: DatabaseUrls) -> None:
    text = "-- no-transaction\nCREATE INDEX CONCURRENTLY idx_nothing ON nothing (nowhere)"
    with pytest.raises(
        MigrationError, match="is not rolled back, for it runs outside of a transaction: its statement 1 f"
    ):
        await migrate(database_urls.owner, extra(text))


async def test_an_index_that_a_busy_table_left_half_made_is_not_called_unchanged(
    database_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate(database_urls.owner, extra(A_TABLE))
    monkeypatch.setattr(migrating, "LOCK_TIMEOUT", "50ms")
    text = "-- no-transaction\nCREATE INDEX CONCURRENTLY idx_people_age ON people (age)"
    more = [*extra(A_TABLE), Migration(name="9001_pre_more", text=text)]
    with psycopg.connect(database_urls.owner) as user:
        user.execute("LOCK TABLE people IN ROW EXCLUSIVE MODE")
        with pytest.raises(MigrationError, match=r"9001_pre_more failed and is not rolled back.*LockNotAvailable"):
            await migrate(database_urls.owner, more)
        user.rollback()
        left = user.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'idx_people_age'::regclass").fetchall()
    assert left == [(False,)]


async def test_a_connection_that_breaks_is_told_and_the_next_run_goes_on(database_urls: DatabaseUrls) -> None:
    running = asyncio.create_task(migrate(database_urls.owner, extra(f"{A_TABLE} SELECT pg_sleep(60)")))
    with psycopg.connect(database_urls.superuser, autocommit=True) as superuser:
        killed = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE %s AND pid <> pg_backend_pid()"
        )
        while not superuser.execute(killed, [f"{A_TABLE}%"]).fetchone():
            await asyncio.sleep(0.02)
    with pytest.raises(MigrationError, match=f"Migration {NAME} failed and was rolled back: .*AdminShutdown"):
        await running
    assert await migrate(database_urls.owner, extra(A_TABLE)) == [NAME]


async def test_two_runs_at_once_say_so_and_do_not_speak_of_tables(
    database_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second deploy was told that a table was in use."""
    monkeypatch.setattr(migrating, "LOCK_TIMEOUT", "50ms")
    with psycopg.connect(database_urls.owner, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [LOCK_KEY])
        with pytest.raises(MigrationError) as caught:
            await migrate(database_urls.owner, extra(A_TABLE))
        who = f"PostgreSQL's process {other.info.backend_pid}, connected since 2"
        assert str(caught.value).startswith(f"Another run of the migrations is at work ({who}")
        assert "a second deploy" in str(caught.value)
        assert caught.value.said is None
    assert await migrate(database_urls.owner, extra(A_TABLE)) == [NAME]


async def test_a_table_in_use_says_what_of_the_run_stays(
    database_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration_locks, "FIRST_WAIT", "50ms")
    monkeypatch.setattr(migrating, "LOCKS_S_MAX", 0.2)
    two = [*extra(A_TABLE), Migration(name="9001_pre_more", text="ALTER TABLE payments ADD COLUMN more int")]
    with psycopg.connect(database_urls.owner) as user:
        user.execute("SELECT count(*) FROM payments")
        with pytest.raises(MigrationError, match=f"The table payments was in use for too long; {NAME} ran and stay"):
            await migrate(database_urls.owner, two)
        with pytest.raises(MigrationError, match="The table payments was in use for too long; nothing was changed"):
            await migrate(database_urls.owner, two)
    assert await migrate(database_urls.owner, two) == ["9001_pre_more"]
