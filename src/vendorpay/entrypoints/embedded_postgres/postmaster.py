"""The server process: started, watched until it answers, and ended."""

import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

import psycopg

from vendorpay.entrypoints.embedded_postgres import pidfile, processes
from vendorpay.entrypoints.embedded_postgres.errors import SecretRefused, StartFailed, SurvivorWillNotDie, hint_of
from vendorpay.entrypoints.embedded_postgres.layout import Layout
from vendorpay.entrypoints.embedded_postgres.privileges import Identity
from vendorpay.entrypoints.embedded_postgres.server_log import ServerLog

# Recovery after a crash replays at most max_wal_size, but a slow disk may take its time over it.
READY_WAIT_S = 120
READY_POLL_S = 0.005
LOG_CHECK_S = 60


class Postmaster:
    """A PostgreSQL started by this process, with the thread that keeps it.

    The kernel sends the parent-death signal when the *thread* that forked ends, not the process. So the fork is
    done by a thread that lives as long as the server: one of a pool would take PostgreSQL along when it idles
    out. The same thread keeps the log small.
    """

    def __init__(self, identity: Identity, argv: list[str], log: ServerLog, *, die_with_launcher: bool) -> None:
        self._identity = identity
        self._argv = identity.command(*argv, at_launchers_death="INT" if die_with_launcher else None)
        self._log = log
        self._log_start = log.size()
        self._started = threading.Event()
        self._over = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._failure: OSError | None = None
        self._keeper = threading.Thread(target=self._keep, name="embedded-postgres", daemon=True)
        self._keeper.start()
        self._started.wait()
        if self._failure:
            raise self._failure

    @property
    def pid(self) -> int:
        assert self._process is not None, "the constructor returns only once there is a process"
        return self._process.pid

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def words(self) -> str:
        """The last lines PostgreSQL wrote since this start."""
        return self._log.words_since(self._log_start)

    def wait_until_ready(self, layout: Layout) -> pidfile.PostmasterFile:
        """Returns once PostgreSQL takes connections. Raises StartFailed when it ends or takes too long."""
        deadline = time.monotonic() + READY_WAIT_S
        while time.monotonic() < deadline:
            if not self.alive():
                raise self._failed(layout, "it ended")
            written = pidfile.read(layout.cluster)
            if written and written.pid == self.pid and written.ready:
                return written
            time.sleep(READY_POLL_S)
        raise self._failed(layout, f"it was not ready after {READY_WAIT_S} s")

    def prove(self, url: str, layout: Layout) -> None:
        """Logs in once, so that ready means that it lets us in. Raises SecretRefused, StartFailed."""
        try:
            with psycopg.connect(url, connect_timeout=10) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise SecretRefused(path=layout.password) from None
            raise self._failed(layout, f"it refuses us ({error})") from error

    def stop(self, steps: Sequence[processes.Step]) -> None:
        """Ends the server, step by step. Raises SurvivorWillNotDie."""
        ended = processes.end(self._remaining, steps)
        self._over.set()
        if not ended:
            raise SurvivorWillNotDie(pids=self.pid, cluster=self._log.path.with_name("postgres"))

    def _remaining(self) -> set[int]:
        return {self.pid} if self.alive() else set()

    def _failed(self, layout: Layout, reason: str) -> StartFailed:
        words = self.words()
        return StartFailed(data_dir=layout.data_dir, reason=reason, hint=hint_of(words), log=layout.log, words=words)

    def _keep(self) -> None:
        try:
            with open(self._log.open(), "ab") as output:
                self._process = self._identity.spawn(self._argv, output=output)
        except OSError as error:
            self._failure = error
        finally:
            self._started.set()
        while self._process is not None and not self._over.wait(LOG_CHECK_S):
            with suppress(OSError):  # A full disk must not end the thread, and PostgreSQL with it.
                self._log.trim()
