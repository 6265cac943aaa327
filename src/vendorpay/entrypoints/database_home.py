"""The database a command works on: the embedded PostgreSQL of a data directory, or one that was named by a URL."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import psycopg

from vendorpay.entrypoints import embedded_postgres, role_passwords
from vendorpay.entrypoints.database_urls import DATABASE, DatabaseUrls, of_embedded, of_given
from vendorpay.entrypoints.embedded_postgres import (
    AlreadyRunning,
    AttachedPostgres,
    EmbeddedPostgresError,
    RunningPostgres,
)
from vendorpay.entrypoints.embedded_postgres.cluster import made_by
from vendorpay.entrypoints.embedded_postgres.layout import Layout
from vendorpay.observe import scrub
from vendorpay.settings import Settings
from vendorpay.store.migrate import MigrationError, Standing, migrate, status
from vendorpay.store.set_up import ensure_partitions, set_up_server

# A start after a crash replays the log first; a new directory needs an initdb.
ATTACH_WAIT_S: Final = 30.0
# A short command may hold the directory at this moment.
LOCK_WAIT_S: Final = 3.0
POLL_S: Final = 0.05


class DatabaseNotReady(Exception):
    """The database cannot be used now; the message says why and what to do."""


class DatabaseHome:
    """An open database. `owned` is the PostgreSQL that ends with this command, if it is one."""

    def __init__(self, urls: DatabaseUrls, bin_dir: Path | None, owned: RunningPostgres | None = None) -> None:
        self.urls = urls
        self.bin_dir = bin_dir
        self.owned = owned

    def alive(self) -> bool:
        """Whether our own PostgreSQL runs. Of somebody else's we do not know, so: yes."""
        return self.owned is None or self.owned.alive()

    def restart(self, settings: Settings) -> bool:
        """Starts our PostgreSQL again after it died; True when its URLs are other ones now.

        Raises EmbeddedPostgresError; may be called again then.
        """
        if self.owned is None:
            return False
        self.owned.stop()
        self.owned = embedded_postgres.start(settings.data_dir, bin_dir=settings.postgres_bin_dir)
        before, self.urls = self.urls, of_embedded(self.owned, role_passwords.keep(self.owned.data_dir))
        return before != self.urls

    def close(self) -> None:
        """Stops the PostgreSQL that is ours."""
        if self.owned is not None:
            self.owned.stop()


@contextmanager
def for_serving(settings: Settings) -> Iterator[DatabaseHome]:
    """The database for the service, which owns the embedded PostgreSQL.

    Raises EmbeddedPostgresError, DatabaseUrlRefused, DatabaseNotReady.
    """
    home = _given(settings) or _owned(settings, LOCK_WAIT_S)
    try:
        yield home
    finally:
        home.close()


@contextmanager
def for_command(settings: Settings) -> Iterator[DatabaseHome]:
    """The database for a command: of a running `serve` where there is one, else started for the moment.

    Raises EmbeddedPostgresError, DatabaseUrlRefused, DatabaseNotReady.
    """
    home = _given(settings) or _attached_or_owned(settings)
    try:
        yield home
    finally:
        home.close()


@contextmanager
def of_service(settings: Settings) -> Iterator[DatabaseHome]:
    """The database of a `serve` that runs, which is waited for; or the one that a URL names.

    For work that goes on and on: who starts the embedded PostgreSQL owns it, and `serve` would be refused.
    Raises DatabaseUrlRefused, DatabaseNotReady.
    """
    yield _given(settings) or _attached(settings)


def exists(settings: Settings) -> bool:
    """Whether there is a database; one that a URL names, or that we may not look at, is taken to be there."""
    if settings.database_url is not None:
        return True
    try:
        return made_by(Layout.of(settings.data_dir)) is not None
    except (EmbeddedPostgresError, PermissionError):
        return True  # Whoever opens it explains what is wrong with it.
    except OSError:
        return False


async def bring_up_to_date(urls: DatabaseUrls, *, now: datetime) -> list[str]:
    """Runs the migrations that are missing and makes the months ahead; returns the migrations' names.

    Raises MigrationError, DatabaseNotReady.
    """
    try:
        if urls.can_migrate:
            ran = await migrate(urls.owner)
        else:
            ran = []
            await _refuse_when_behind(urls.app)
        async with await psycopg.AsyncConnection.connect(urls.app, autocommit=True) as connection:
            await ensure_partitions(connection, now)
    except psycopg.OperationalError as error:
        raise _not_ready(error) from error
    except psycopg.errors.CheckViolation as error:
        raise DatabaseNotReady(
            f"The clock of this machine ({now.isoformat()}) and that of the database do not agree. Set them right."
        ) from error
    return ran


async def migrations_of(urls: DatabaseUrls) -> list[Standing]:
    """Each migration of this version and whether it has run. Raises MigrationError, DatabaseNotReady."""
    try:
        return await status(urls.owner)
    except psycopg.OperationalError as error:
        raise _not_ready(error) from error


def _not_ready(error: psycopg.OperationalError) -> DatabaseNotReady:
    return DatabaseNotReady(
        f"The database does not answer as it should: {scrub(str(error)).strip()} "
        "Check that PostgreSQL runs and that the URL names the right host, user and database."
    )


async def _refuse_when_behind(url: str) -> None:
    behind = [each.name for each in await status(url) if not each.applied]
    if behind:
        raise MigrationError(
            f"These migrations have not run yet: {', '.join(behind)}. This URL's role may not run them: "
            "run `vendorpay db migrate --database-url URL` with the URL of the database's owner first."
        )


def _given(settings: Settings) -> DatabaseHome | None:
    if settings.database_url is None:
        return None
    return DatabaseHome(of_given(settings.database_url), settings.postgres_bin_dir)


def _owned(settings: Settings, lock_wait_s: float) -> DatabaseHome:
    postgres = _started(settings, lock_wait_s)
    try:
        passwords = role_passwords.keep(postgres.data_dir)
        asyncio.run(_set_up(postgres, passwords))
    except BaseException:
        postgres.stop()
        raise
    return DatabaseHome(of_embedded(postgres, passwords), postgres.bin_dir, postgres)


def _started(settings: Settings, lock_wait_s: float) -> RunningPostgres:
    deadline = time.monotonic() + lock_wait_s
    while True:
        try:
            return embedded_postgres.start(settings.data_dir, bin_dir=settings.postgres_bin_dir)
        except AlreadyRunning:
            if time.monotonic() >= deadline:
                raise
            time.sleep(POLL_S)


def _attached_or_owned(settings: Settings) -> DatabaseHome:
    deadline = time.monotonic() + ATTACH_WAIT_S
    while True:
        found = embedded_postgres.running(settings.data_dir)
        if found is not None and (urls := _urls_when_set_up(found)) is not None:
            return DatabaseHome(urls, found.bin_dir)
        try:
            if found is None:
                return _owned(settings, 0)
        except AlreadyRunning as held:
            holder = held
        else:
            holder = AlreadyRunning(pid="(unknown)", data_dir=settings.data_dir)
        if time.monotonic() >= deadline:
            raise DatabaseNotReady(
                f"Process {holder.facts['pid']} holds {settings.data_dir}, but its PostgreSQL has not become ready "
                f"within {ATTACH_WAIT_S:.0f} s. Look at what that process says, or stop it, and try again."
            ) from holder
        time.sleep(POLL_S)


def _attached(settings: Settings) -> DatabaseHome:
    deadline = time.monotonic() + ATTACH_WAIT_S
    while True:
        found = embedded_postgres.running(settings.data_dir) if exists(settings) else None
        if found is not None and (urls := _urls_when_set_up(found)) is not None:
            return DatabaseHome(urls, found.bin_dir)
        if time.monotonic() >= deadline:
            raise DatabaseNotReady(
                f"No `vendorpay serve` runs on {settings.data_dir}: none has been ready within {ATTACH_WAIT_S:.0f} s. "
                "Start it first, or name the database with --database-url."
            )
        time.sleep(POLL_S)


def _urls_when_set_up(postgres: AttachedPostgres) -> DatabaseUrls | None:
    """The URLs once the owner has made roles and database: a first start takes a moment for that."""
    passwords = role_passwords.read(postgres.data_dir)
    if passwords is None:
        return None
    urls = of_embedded(postgres, passwords)
    try:
        with psycopg.connect(urls.readonly, autocommit=True, connect_timeout=5):
            return urls
    except psycopg.OperationalError:
        return None


async def _set_up(postgres: RunningPostgres, passwords: dict[str, str]) -> None:
    async with await psycopg.AsyncConnection.connect(postgres.superuser_url(), autocommit=True) as connection:
        await set_up_server(connection, DATABASE, passwords)
