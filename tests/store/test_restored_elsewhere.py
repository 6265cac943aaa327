"""A dump that is restored on another server: its transaction numbers mean nothing there, and no event is lost."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier, Literal

from tests.conftest import APP, OWNER, PASSWORD
from tests.database import DatabaseUrls, change, new_payment, stored, write
from tests.usecases.world import SOAK
from vendorpay.entrypoints import embedded_postgres
from vendorpay.entrypoints.embedded_postgres import RunningPostgres, binaries
from vendorpay.store.db import Database
from vendorpay.store.migrate import set_up_roles
from vendorpay.store.sequencer import PassOutcome, Stream
from vendorpay.usecases.number_positions import Numbering

pytestmark = pytest.mark.anyio
BURN = """
DO $$ BEGIN FOR i IN 1..%s LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$
"""
FEED = "SELECT position, aggregate_id, sequence FROM feed_positions ORDER BY position"
AUDIT = "SELECT position, subject_id, seq FROM audit_positions ORDER BY position"


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[RunningPostgres]:
    """A young server: its numbers are far below those of the rows that come to it."""
    with (
        tempfile.TemporaryDirectory(prefix="vendorpay-test-", ignore_cleanup_errors=True) as place,
        embedded_postgres.start(Path(place), fsync=False) as running,
    ):
        yield running


async def _moved(urls: DatabaseUrls, elsewhere: RunningPostgres) -> DatabaseUrls:
    """The database, dumped and restored there."""
    with psycopg.connect(elsewhere.superuser_url(), autocommit=True) as superuser:
        superuser.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(urls.name)))
        superuser.execute(SQL("CREATE DATABASE {}").format(Identifier(urls.name)))
        if superuser.execute("SELECT FROM pg_roles WHERE rolname = %s", [OWNER]).fetchone() is None:
            superuser.execute(SQL("CREATE ROLE {} CREATEROLE").format(Identifier(OWNER)))
    async with await psycopg.AsyncConnection.connect(elsewhere.superuser_url(), autocommit=True) as connection:
        await set_up_roles(connection)
        for role in (OWNER, APP):
            await connection.execute(SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(Identifier(role), Literal(PASSWORD)))
    target = elsewhere.superuser_url(urls.name)
    dump = _run("pg_dump", urls.superuser)
    _run("psql", target, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", given=dump)
    return DatabaseUrls(
        name=urls.name,
        owner=elsewhere.url(OWNER, PASSWORD, urls.name),
        app=elsewhere.url(APP, PASSWORD, urls.name),
        readonly=target,
        superuser=target,
    )


def _run(program: str, url: str, *options: str, given: bytes = b"") -> bytes:
    parts = conninfo_to_dict(url)
    environment = {**os.environ, "PGPASSWORD": str(parts.pop("password"))}
    argv = [binaries.find(None, Path(os.devnull), None).path(program), f"--dbname={make_conninfo('', **parts)}"]
    return subprocess.run([*argv, *options], input=given, env=environment, check=True, stdout=subprocess.PIPE).stdout


def _pay(url: str, *, changes: int = 0) -> None:
    """A payment with as many changes, each a transaction."""
    with psycopg.connect(url, autocommit=True) as connection:
        payment = write(connection, new_payment())
        for _ in range(changes):
            payment = write(connection, change(stored(connection, payment["payment_id"])))


def _rows(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(statement.encode()).fetchall()


async def _number_all(urls: DatabaseUrls) -> None:
    async with Database.open(urls.app, pool_size=1) as database:
        numbering = Numbering(database)
        for stream in Stream:
            while (await numbering.number(stream)).outcome is not PassOutcome.DONE:
                pass


def _assert_whole(urls: DatabaseUrls, before: list[tuple[object, ...]]) -> None:
    """What had a position has it still; everything has one; each payment's are in order."""
    placed = _rows(urls.superuser, FEED)
    assert placed[: len(before)] == before
    assert [row[0] for row in placed] == list(range(1, len(placed) + 1))
    assert sorted(row[1:] for row in placed) == sorted(
        _rows(urls.superuser, "SELECT aggregate_id, sequence FROM outbox")
    )
    assert [row[0] for row in _rows(urls.superuser, AUDIT)] == list(range(1, len(placed) + 1))
    backwards = "SELECT 1 FROM {0} a JOIN {0} b USING ({1}) WHERE a.{2} < b.{2} AND a.position > b.position"
    assert _rows(urls.superuser, backwards.format("feed_positions", "aggregate_id", "sequence")) == []
    assert _rows(urls.superuser, backwards.format("audit_positions", "subject_id", "seq")) == []


@pytest.mark.parametrize("new_before_the_first_pass", [0, 3] if SOAK else [3])
async def test_what_had_no_position_gets_one_nothing_gets_two_and_new_events_flow(
    database_urls: DatabaseUrls, elsewhere: RunningPostgres, new_before_the_first_pass: int
) -> None:
    with psycopg.connect(database_urls.superuser, autocommit=True) as superuser:
        superuser.execute((BURN % 20_000).encode())
    for _ in range(5):
        _pay(database_urls.app, changes=2)
    await _number_all(database_urls)
    before = _rows(database_urls.superuser, FEED)
    assert len(before) == 15
    for _ in range(4):
        _pay(database_urls.app, changes=1)
    moved = await _moved(database_urls, elsewhere)
    for _ in range(new_before_the_first_pass):
        _pay(moved.app)
    assert _rows(moved.app, "SELECT outcome FROM number_stream('feed', 10, NULL)") == [("moved",)]
    async with Database.open(moved.app, pool_size=1) as database:
        assert (await Numbering(database).number(Stream.FEED)).numbered == 8 + new_before_the_first_pass
    await _number_all(moved)
    _assert_whole(moved, before)
    # On through the numbers that the rows brought along: they come round again, and nothing is numbered twice.
    for _ in range(3):
        with psycopg.connect(moved.superuser, autocommit=True) as superuser:
            superuser.execute((BURN % 8_000).encode())
        _pay(moved.app, changes=1)
        await _number_all(moved)
    _assert_whole(moved, before)
    assert len(_rows(moved.superuser, FEED)) == 15 + 8 + new_before_the_first_pass + 6


async def test_a_server_that_does_not_say_who_it_is_is_known_by_numbers_that_went_back(
    database_urls: DatabaseUrls,
) -> None:
    _pay(database_urls.app)
    with psycopg.connect(database_urls.superuser, autocommit=True) as superuser:
        superuser.execute("UPDATE sequencer SET seen = '900000000:900000000:'")
        superuser.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
        superuser.execute("UPDATE sequencer SET server = ''")
        row = superuser.execute("SELECT outcome FROM number_stream('feed', 10, NULL)").fetchone()
        assert row == ("moved",)
    await _number_all(database_urls)
    _assert_whole(database_urls, [])


async def test_rows_that_were_there_before_the_sequencer_are_all_looked_at_once(database_urls: DatabaseUrls) -> None:
    """As after restoring, on another server, a dump that was taken before the migration."""
    _pay(database_urls.app, changes=3)
    with psycopg.connect(database_urls.superuser, autocommit=True) as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute("UPDATE outbox SET xid = '900000000'")
        superuser.execute("UPDATE sequencer SET seen = '1:1:', server = 'not known'")
    await _number_all(database_urls)
    _assert_whole(database_urls, [])
