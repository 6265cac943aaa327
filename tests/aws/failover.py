"""Two PostgreSQL servers, one following the other, behind a name that moves: what Aurora does when its writer dies."""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL
from typing import Any, Final

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from tests.aws.free_port import free_port
from vendorpay.entrypoints import embedded_postgres
from vendorpay.entrypoints.embedded_postgres import RunningPostgres, binaries, processes
from vendorpay.entrypoints.embedded_postgres.configuration import arguments
from vendorpay.entrypoints.embedded_postgres.layout import Layout
from vendorpay.entrypoints.embedded_postgres.privileges import Identity, choose

REPLICATOR: Final = "replicator"
# Its shared memory in files of its own: what is killed leaves nothing behind in the machine's.
SETTINGS: Final = {"autovacuum": "off", "dynamic_shared_memory_type": "mmap"}
WAIT_S_MAX: Final = 30.0
STOP_S_MAX: Final = 10.0


@dataclass
class Endpoint:
    """The name of a cluster: one address, which leads to whoever is the writer now."""

    port: int
    """Where it leads to."""
    own_port: int = 0
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _serving: set[asyncio.Task[object]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def open(self) -> None:
        """Begins to forward."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.own_port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Ends every connection."""
        assert self._server is not None
        self._server.close()
        for writer in [*self._writers]:
            writer.transport.abort()
        if self._serving:
            await asyncio.wait(self._serving)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        try:
            there_reader, there = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, there}
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pumped(reader, there))
                group.create_task(_pumped(there_reader, writer))
        finally:
            for one in (writer, there):
                one.transport.abort()
                self._writers.discard(one)


async def _pumped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # a server was killed
    writer.transport.abort()


@dataclass(kw_only=True)
class Standby:
    """A copy that follows the primary, until it is promoted."""

    port: int
    process: subprocess.Popen[bytes]
    superuser_url: str

    def promote(self) -> None:
        """Returns when it takes writes."""
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            connection.execute("SELECT pg_promote(true)")


def kill(primary: RunningPostgres) -> None:
    """kill -9 of every process of a server, at once."""
    for pid in processes.using(primary.data_dir / "postgres", None):
        processes.send(pid, SIGKILL)


@contextmanager
def standby_of(primary: RunningPostgres, folder: Path) -> Iterator[Standby]:
    """A streaming copy. Every commit of the primary waits until it is there: Aurora's storage loses none either."""
    password = secrets.token_hex(8)
    layout = Layout.make(folder)
    _allow_replication(primary, password)
    identity, installed = choose(layout, binaries.find(primary.bin_dir, layout.cluster, primary.major))
    _copy(primary, identity, installed.path("pg_basebackup"), layout.cluster, password)
    with ExitStack() as stack:
        port = free_port()
        log = stack.enter_context((folder / "standby.log").open("wb"))
        sockets = layout.sockets
        sockets.mkdir(mode=0o700)
        os.chown(sockets, *identity.owner)
        argv = arguments(layout.cluster, sockets, port, fsync=False, settings=SETTINGS)
        process = identity.spawn(identity.command(installed.path("postgres"), *argv), output=log)
        stack.callback(_end, process, layout.cluster)
        url = f"postgresql://postgres:{primary.superuser_password}@127.0.0.1:{port}/postgres"
        _wait_for(url, "SELECT 1")
        with psycopg.connect(primary.superuser_url(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")
        _wait_for(primary.superuser_url(), "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'")
        yield Standby(port=port, process=process, superuser_url=url)


def _allow_replication(primary: RunningPostgres, password: str) -> None:
    rules = primary.data_dir / "postgres" / "pg_hba.conf"
    rules.write_text(f"{rules.read_text()}host replication {REPLICATOR} 127.0.0.1/32 scram-sha-256\n")
    with psycopg.connect(primary.superuser_url(), autocommit=True) as connection:
        connection.execute(
            SQL("CREATE ROLE {} LOGIN REPLICATION PASSWORD {}").format(Identifier(REPLICATOR), Literal(password))
        )
        connection.execute("SELECT pg_reload_conf()")


def _copy(primary: RunningPostgres, identity: Identity, program: str, to: Path, password: str) -> None:
    source = f"postgresql://{REPLICATOR}:{password}@127.0.0.1:{primary.port}/"
    options = ["--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf", "--no-sync", "--no-password"]
    argv = identity.command(program, f"--dbname={source}", f"--pgdata={to}", *options)
    with identity.spawn(argv, output=subprocess.DEVNULL) as process:
        assert process.wait(WAIT_S_MAX) == 0, "pg_basebackup failed"


def _end(process: subprocess.Popen[bytes], cluster: Path) -> None:
    for pid in processes.using(cluster, None):
        processes.send(pid, SIGKILL)
    process.wait(STOP_S_MAX)


def _wait_for(url: str, query: str) -> None:
    deadline = time.monotonic() + WAIT_S_MAX
    while True:
        try:
            with psycopg.connect(url, connect_timeout=2) as connection:
                found: Any = connection.execute(query.encode()).fetchone()
            if found:
                return
        except psycopg.OperationalError:
            pass  # it is not there yet
        assert time.monotonic() < deadline, f"{query} never came true"
        time.sleep(0.05)


def free_primary(folder: Path) -> RunningPostgres:
    """A server whose copies may follow it."""
    return embedded_postgres.start(folder, fsync=False, settings=SETTINGS)
