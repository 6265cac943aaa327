"""Statements that go straight through libpq: they answer, prepare and fail as a cursor's do."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest

from tests.database import DatabaseUrls
from vendorpay.store import straight
from vendorpay.store.db import Connection, Database, is_lost

pytestmark = pytest.mark.anyio
_SENT = {
    "text": "textsend",
    "int8": "int8send",
    "bytea": "byteasend",
    "uuid": "uuid_send",
    "timestamptz": "timestamptz_send",
}


async def _prepared(connection: Connection) -> list[str]:
    cursor = await connection.execute(
        "SELECT name FROM pg_prepared_statements WHERE name LIKE 'straight%' ORDER BY name"
    )
    return [row["name"] for row in await cursor.fetchall()]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("words, \\ and \u2603", "text"),
        (-12, "int8"),
        (b"\0\xff", "bytea"),
        (UUID(int=7), "uuid"),
        (datetime(2026, 11, 23, 1, 2, 3, 4, UTC), "timestamptz"),
        (None, "text"),
    ],
)
async def test_every_kind_of_value_arrives_as_psycopg_would_have_it(
    database_urls: DatabaseUrls, value: object, kind: str
) -> None:
    async with Database.open(database_urls.app) as database, database.connection() as connection:
        asked = f"SELECT encode(digest, 'hex') FROM sha256({_SENT[kind]}($1::{kind})) AS digest"
        ours = await straight.one_value(connection, asked.encode(), straight.in_bytes([value]))
        (theirs,) = await (await connection.execute(asked.replace("$1", "%s").encode(), [value])).fetchall()
        assert (None if ours is None else ours.decode()) == theirs["encode"]


async def test_each_statement_is_prepared_once_and_beyond_the_most_none_is(database_urls: DatabaseUrls) -> None:
    async with Database.open(database_urls.app) as database, database.connection() as connection:
        for number in range(straight.PREPARED_MAX + 2):
            for _ in range(2):
                assert await straight.one_value(connection, b"SELECT %d" % number, []) == b"%d" % number
        assert len(await _prepared(connection)) == straight.PREPARED_MAX


async def test_nothing_is_prepared_where_that_would_pin_a_connection(database_urls: DatabaseUrls) -> None:
    async with Database.open(database_urls.app, prepares=False) as database, database.connection() as connection:
        assert await straight.one_value(connection, b"SELECT $1::int + 1", [b"1"]) == b"2"
        assert await _prepared(connection) == []


async def test_a_text_that_libpq_would_cut_off_is_refused(database_urls: DatabaseUrls) -> None:
    async with Database.open(database_urls.app) as database, database.connection() as connection:
        with pytest.raises(psycopg.DataError, match="NUL"):
            await straight.one_value(connection, b"SELECT $1::text", [b"a\0b"])


@pytest.mark.parametrize("statement", [b"SELECT 1 / $1::int", b"SELECT nothing_of_the_kind"])
async def test_what_the_server_refuses_is_its_error_and_the_connection_goes_on(
    database_urls: DatabaseUrls, statement: bytes
) -> None:
    async with Database.open(database_urls.app) as database, database.connection() as connection:
        with pytest.raises((psycopg.errors.DivisionByZero, psycopg.errors.UndefinedColumn)) as refused:
            await straight.one_value(connection, statement, [b"0"] if b"$1" in statement else [])
        assert not is_lost(refused.value)
        assert await straight.one_value(connection, b"SELECT 1", []) == b"1"


async def test_a_connection_that_forgot_what_was_prepared_learns_it_anew(database_urls: DatabaseUrls) -> None:
    """Once whoever asks is told, and goes the longer way; not for as long as the connection lives."""
    async with Database.open(database_urls.app) as database, database.connection() as connection:
        assert await straight.one_value(connection, b"SELECT 1", []) == b"1"
        await connection.execute("DISCARD ALL")
        with pytest.raises(psycopg.errors.InvalidSqlStatementName) as refused:
            await straight.one_value(connection, b"SELECT 1", [])
        assert not is_lost(refused.value)
        assert await straight.one_value(connection, b"SELECT 1", []) == b"1"


async def test_who_is_cancelled_while_it_prepares_leaves_the_connection_usable(database_urls: DatabaseUrls) -> None:
    async with Database.open(database_urls.app) as database, database.connection() as connection:
        task = asyncio.create_task(straight.one_value(connection, b"SELECT 1", []))
        await asyncio.sleep(0)  # it has sent what it wants prepared, and waits
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await straight.one_value(connection, b"SELECT 1", []) == b"1"


async def test_a_prepared_statement_outlives_a_change_of_its_table(database_urls: DatabaseUrls) -> None:
    """A migration of the pre phase runs beside us."""
    insert = b"INSERT INTO commands_of_a_test (id) VALUES ($1) RETURNING id"
    async with Database.open(database_urls.owner) as database, database.connection() as connection:
        await connection.execute("CREATE TABLE commands_of_a_test (id integer)")
        assert await straight.one_value(connection, insert, [b"1"]) == b"1"
        async with database.connection() as other:
            await other.execute("ALTER TABLE commands_of_a_test ADD COLUMN since timestamptz NOT NULL DEFAULT now()")
        assert await straight.one_value(connection, insert, [b"2"]) == b"2"


async def test_a_connection_that_is_ended_meanwhile_is_lost(database_urls: DatabaseUrls) -> None:
    async with Database.open(database_urls.app) as database, database.connection() as connection:
        with psycopg.connect(database_urls.owner, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
        with pytest.raises(psycopg.OperationalError) as lost:
            await straight.one_value(connection, b"SELECT 1", [])
        assert is_lost(lost.value)
