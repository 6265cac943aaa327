"""A PostgreSQL one can connect to: the one we run, and the one somebody else runs."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote

from vendorpay.entrypoints.embedded_postgres import pidfile, processes
from vendorpay.entrypoints.embedded_postgres.endpoints import discard_socket_directory
from vendorpay.entrypoints.embedded_postgres.lock import DirectoryLock
from vendorpay.entrypoints.embedded_postgres.postmaster import Postmaster

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """Where a live PostgreSQL is and how to get in. `bin_dir` has psql, where the installation brings one."""

    data_dir: Path
    bin_dir: Path
    major: int
    pid: int
    port: int
    socket_dir: Path
    superuser_password: str

    def __repr__(self) -> str:
        # Without the password: handles end up in tracebacks and logs.
        return f"{type(self).__name__}(data_dir={self.data_dir}, pid={self.pid}, port={self.port})"

    def url(self, role: str, password: str, database: str, *, tcp: bool = False) -> str:
        """A libpq URL, through the private unix socket; with `tcp` through the loopback port."""
        who = f"{quote(role, safe='')}:{quote(password, safe='')}"
        name = quote(database, safe="")
        if tcp:
            return f"postgresql://{who}@{HOST}:{self.port}/{name}"
        return f"postgresql://{who}@/{name}?host={quote(str(self.socket_dir), safe='')}&port={self.port}"

    def superuser_url(self, database: str = "postgres", *, tcp: bool = False) -> str:
        """A libpq URL for the role `postgres`."""
        return self.url("postgres", self.superuser_password, database, tcp=tcp)

    def alive(self) -> bool:
        """Whether the server process still is the one of this directory. Cheap: asks the kernel, not SQL."""
        return self.pid in processes.using_among({self.pid}, self.data_dir / "postgres")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AttachedPostgres(Postgres):
    """A PostgreSQL that another process owns. It cannot be stopped from here, by construction."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RunningPostgres(Postgres):
    """The PostgreSQL of this process, which also holds the directory's lock. A context manager that stops it."""

    postmaster: Postmaster
    lock: DirectoryLock
    launcher_pid: int

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def alive(self) -> bool:
        """Whether the server process lives. In a forked child too, where it is not a child of ours."""
        if os.getpid() != self.launcher_pid:
            return super(RunningPostgres, self).alive()
        return self.postmaster.alive()

    def stop(self) -> None:
        """Waits a moment for clients to leave, then rolls them back, then ends PostgreSQL whatever it does.

        Bounded by `processes.POLITE`; a second call does nothing; nor does a call in a forked child, which
        does not own it. Raises SurvivorWillNotDie when even SIGKILL does not help.
        """
        if os.getpid() != self.launcher_pid:
            return
        try:
            self.postmaster.stop(processes.POLITE)
        finally:
            discard_socket_directory(self.socket_dir)
            self.lock.release()


def attach(data_dir: Path, major: int, password: str) -> AttachedPostgres | None:
    """The live and ready PostgreSQL of a directory, or None."""
    cluster = data_dir / "postgres"
    written = pidfile.read(cluster)
    if written is None or not written.ready or written.port is None or written.socket_dir is None:
        return None
    found = AttachedPostgres(
        data_dir=data_dir,
        bin_dir=pidfile.read_bin_dir(cluster),
        major=major,
        pid=written.pid,
        port=written.port,
        socket_dir=written.socket_dir,
        superuser_password=password,
    )
    return found if found.alive() else None
