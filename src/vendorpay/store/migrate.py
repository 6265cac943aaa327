"""Plain SQL migrations: numbered files, each run once, in order, in one transaction, and never edited afterwards.

`NNNN_pre_what.sql` runs before new code is deployed, `NNNN_post_what.sql` after the old code is gone. A file whose
first line is `-- no-transaction` runs outside of one (CREATE INDEX CONCURRENTLY). Every run holds an advisory lock
and a lock_timeout, so that two starting services do not race and a busy table is not blocked. A run that was cut off
is simply run again: what it did is in the ledger, and what it had begun was undone.

Callers go on meanwhile, and none of them is ever in a deadlock with a migration: one that has a transaction takes the
locks of all tables it names before its first statement, and never waits for one while it holds another
(migration_locks.py). Where it would have to, it gives back everything and begins anew, for LOCKS_S_MAX.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from enum import StrEnum
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Final

import msgspec
import psycopg
from psycopg import sql

from vendorpay.store.logins import Login, connected
from vendorpay.store.migration_locks import take_locks, wanted_locks
from vendorpay.store.scripts import StatementFailed, named, run_script

LOCK_KEY: Final = 0x76656E646F72  # "vendor"
LOCK_TIMEOUT: Final = "10s"
LOCKS_S_MAX: Final = 30.0
"""For how long a migration begins anew because a table is in use."""
LOCKS_PAUSE_S_MIN: Final = 0.05
LOCKS_PAUSE_S_MAX: Final = 1.0
"""Between two attempts: callers who had to wait behind the first go on."""
NO_TRANSACTION: Final = "-- no-transaction"

_LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name       text        NOT NULL PRIMARY KEY,
    sha256     text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)"""


_WHO_MIGRATES = """
SELECT a.pid, to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') FROM pg_locks l
JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.classid::bigint << 32 | l.objid::bigint = %s
      AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())"""


class MigrationError(Exception):
    """The migrations cannot be run; the message says why and what to do, and quotes no row.

    `said` is the database's own words, where it said anything: they may quote rows, and so are for the terminal or the
    log of whoever runs the migrations, and for nobody else.
    """

    def __init__(self, message: str, *, said: str | None = None) -> None:
        self.said = said
        super().__init__(message)


class _TableInUse(Exception):
    """Others had the table for as long as a migration waits."""

    def __init__(self, table: str) -> None:
        self.table = table
        super().__init__(table)


class Phase(StrEnum):
    """When a migration runs: before the new code, beside the old; or after the old code is gone."""

    PRE = "pre"
    POST = "post"


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """One file: its name without the ending, its text, and the hash it is known by."""

    name: str
    text: str

    @property
    def phase(self) -> Phase:
        """What its name says. Raises MigrationError when it says nothing."""
        try:
            return Phase(self.name.split("_", 2)[1])
        except (IndexError, ValueError):
            raise MigrationError(f"{self.name} must be named NNNN_pre_what or NNNN_post_what.") from None

    @property
    def sha256(self) -> str:
        """Of the file's UTF-8 text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One migration in one database: applied, or still to come."""

    name: str
    applied: bool


def shipped(folder: Traversable | None = None) -> list[Migration]:
    """The migrations of this version, in the order they run."""
    files = (folder or resources.files("vendorpay.store") / "migrations").iterdir()
    found = [
        Migration(name=file.name.removesuffix(".sql"), text=file.read_text("utf-8"))
        for file in files
        if file.name.endswith(".sql")
    ]
    return sorted(found, key=lambda migration: migration.name)


async def migrate(
    owner: str | Login, migrations: Sequence[Migration] | None = None, *, phase: Phase | None = None
) -> list[str]:
    """Sets up the roles and runs what has not run, all of it or what belongs to one phase; returns the names.

    Raises MigrationError when a file was changed after it ran, when the database is newer than this program, when the
    other phase has to run first, when another run is at work, or when `owner` may not do what is needed.
    """
    wanted = shipped() if migrations is None else migrations
    ran: list[str] = []
    async with await connected(owner, autocommit=True) as connection:
        await _require_version(connection)
        await connection.execute(sql.SQL("SET lock_timeout = {}").format(LOCK_TIMEOUT))
        await _take_turn(connection)
        try:
            await set_up_roles(connection)
            await connection.execute(_LEDGER)
            done = await _applied(connection)
            _compare(wanted, done)
            for migration in _due(wanted, done, phase):
                await _run(connection, migration)
                ran.append(migration.name)
        except psycopg.errors.InsufficientPrivilege as error:
            raise MigrationError(
                f"The database role may not migrate: {error.diag.message_primary}. Give it CREATE on the schema public "
                "and CREATEROLE, or create the roles vendorpay_app and vendorpay_readonly and grant them to it."
            ) from error
        except (_TableInUse, psycopg.errors.LockNotAvailable) as error:
            what = f"The table {error.table}" if isinstance(error, _TableInUse) else "A table"
            kept = f"{', '.join(ran)} ran and stay" if ran else "nothing was changed"
            raise MigrationError(f"{what} was in use for too long; {kept}. Run it again.") from error
    return ran


async def status(url: str) -> list[Standing]:
    """Every shipped migration and whether it has run. Raises MigrationError as `migrate` does."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        row = await (await connection.execute("SELECT to_regclass('schema_migrations') IS NOT NULL")).fetchone()
        done = await _applied(connection) if row and row[0] else {}
    wanted = shipped()
    _compare(wanted, done)
    return [Standing(name=migration.name, applied=migration.name in done) for migration in wanted]


async def _take_turn(connection: psycopg.AsyncConnection[Any]) -> None:
    """Waits while another run is at work, for as long as for any lock. Raises MigrationError."""
    try:
        await connection.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
    except psycopg.errors.LockNotAvailable as error:
        row = await (await connection.execute(_WHO_MIGRATES, (LOCK_KEY,))).fetchone()
        who = "" if row is None else f" (PostgreSQL's process {row[0]}, connected since {row[1]} UTC)"
        raise MigrationError(
            f"Another run of the migrations is at work{who}: a second deploy, or a service that starts. This one has "
            "changed nothing. Wait until that one has ended, then run this again: nothing is done twice."
        ) from error


async def _require_version(connection: psycopg.AsyncConnection[Any]) -> None:
    if connection.info.server_version < 150000:
        raise MigrationError(f"PostgreSQL 15 or newer is needed, this is {connection.info.server_version // 10000}.")


async def set_up_roles(connection: psycopg.AsyncConnection[Any]) -> None:
    """Makes vendorpay_app and vendorpay_readonly, with their timeouts, where the server does not have them yet."""
    text = (resources.files("vendorpay.store") / "roles.sql").read_text("utf-8")
    await connection.execute(text.encode())


async def _applied(connection: psycopg.AsyncConnection[Any]) -> dict[str, str]:
    rows = await (await connection.execute("SELECT name, sha256 FROM schema_migrations")).fetchall()
    return dict(rows)


def _compare(wanted: Sequence[Migration], done: dict[str, str]) -> None:
    known = {migration.name: migration.sha256 for migration in wanted}
    if foreign := sorted(done.keys() - known.keys()):
        raise MigrationError(f"The database has migrations this version does not know ({', '.join(foreign)}); upgrade.")
    if changed := sorted(name for name, digest in done.items() if known[name] != digest):
        raise MigrationError(f"Migrations were changed after they ran: {', '.join(changed)}. Restore these files.")


def _due(wanted: Sequence[Migration], done: dict[str, str], phase: Phase | None) -> list[Migration]:
    """What runs now, in its order. In a database with nothing in it no code runs yet: there everything does.

    Never one before another that has a lower number: that of an earlier release may be what it builds upon.
    """
    missing = [migration for migration in wanted if migration.name not in done]
    if phase is None or not done:
        return missing
    due: list[Migration] = []
    late: list[str] = []
    for migration in missing:
        if migration.phase is not phase:
            late.append(migration.name)
        elif late and (phase is Phase.PRE or not due):
            other = Phase.POST if phase is Phase.PRE else Phase.PRE
            skipped = ", or, when releases were skipped, stop the service and run `vendorpay db migrate`" if due else ""
            raise MigrationError(
                f"{', '.join(late)} must run before {migration.name}: run the {other} phase first{skipped}."
            )
        elif not late:
            due.append(migration)
    return due


async def _run(connection: psycopg.AsyncConnection[Any], migration: Migration) -> None:
    whole = not migration.text.startswith(NO_TRANSACTION)
    try:
        if whole:
            await _run_whole(connection, migration)
        else:
            await run_script(connection, migration.text)
            await _record(connection, migration)
    except StatementFailed as failed:
        if isinstance(failed.error, psycopg.errors.InsufficientPrivilege):
            raise failed.error from failed
        if whole and isinstance(failed.error, psycopg.errors.LockNotAvailable):
            raise failed.error from failed  # else something may be left, such as an index that is not valid
        raise _failed(migration, str(failed), failed.error, whole=whole) from failed
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.LockNotAvailable):
        raise
    except psycopg.Error as error:  # a broken connection, or what is checked at the commit
        raise _failed(migration, named(error), error, whole=whole) from error


async def _run_whole(connection: psycopg.AsyncConnection[Any], migration: Migration) -> None:
    """In one transaction, which is begun anew while a table is in use; raises StatementFailed."""
    loop = asyncio.get_running_loop()
    until, pause_s = loop.time() + LOCKS_S_MAX, LOCKS_PAUSE_S_MIN
    busy: str | None = None
    while True:
        locks = await wanted_locks(connection, migration.text)  # anew: there may be another partition by now
        locks.sort(key=lambda lock: lock.table != busy)
        locked = False
        try:
            async with connection.transaction():
                await take_locks(connection, locks)
                locked = True
                await run_script(connection, migration.text)
                await _record(connection, migration)
        except StatementFailed as failed:
            # Whoever keeps the months in order may have dropped one since we looked.
            gone = not locked and isinstance(failed.error, psycopg.errors.UndefinedTable)
            in_use = isinstance(failed.error, psycopg.errors.LockNotAvailable)
            asked_for = None if locked else locks[failed.number - 1].table
            if loop.time() > until and in_use and asked_for is not None:
                raise _TableInUse(asked_for) from failed
            if not (gone or in_use) or loop.time() > until:
                raise
            busy = asked_for or busy
        else:
            return
        await asyncio.sleep(pause_s)
        pause_s = min(LOCKS_PAUSE_S_MAX, pause_s * 2)


async def _record(connection: psycopg.AsyncConnection[Any], migration: Migration) -> None:
    """Puts it in the ledger."""
    await connection.execute(
        "INSERT INTO schema_migrations (name, sha256) VALUES (%s, %s)", (migration.name, migration.sha256)
    )


def _failed(migration: Migration, what: str, error: psycopg.Error, *, whole: bool) -> MigrationError:
    undone = "was rolled back" if whole else "is not rolled back, for it runs outside of a transaction"
    return MigrationError(f"Migration {migration.name} failed and {undone}: {what}.", said=str(error).strip())
