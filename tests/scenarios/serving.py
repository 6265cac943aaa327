"""`vendorpay serve` as a process of its own: started, killed, started again, and never left behind."""

from __future__ import annotations

import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import IO, Self
from uuid import uuid4

from vendorpay.adapters.local_issuer import LocalIssuer
from vendorpay.entrypoints import embedded_postgres
from vendorpay.entrypoints.embedded_postgres import AttachedPostgres, processes

VENDORPAY = [sys.executable, "-m", "vendorpay"]
READY = "vendorpay is ready on "
READY_S_MAX = 30.0
"""What the contract allows, after a kill -9 too."""
STOP_S_MAX = 45.0
TOKEN_TTL_S = 3600.0
HOST = "127.0.0.1"
NOT_SCORED = {"VENDORPAY_FRAUD_PROVIDER": "off"}
"""What a test is about that approves right after creating: with scoring it would wait for the score each time."""
MEMORY = Path("/dev/shm")
MEMORY_BYTES_MIN = 4 * 1024**3
# Below the ports that the kernel gives to outgoing connections, so that none of these takes ours between two starts.
PORTS = range(15_000, 32_000)


def clean_environment(**more: str) -> dict[str, str]:
    """Without settings and without PGHOST and the like: what is tested is the service as it comes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("VENDORPAY_", "PG"))}
    return kept | more


def free_port() -> int:
    """A port that nobody listens on."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            return port


# The kernel tells of a *thread's* death: one that lives as long as the tests do all the starting, so that a killed
# test run leaves no service behind either.
STARTER = ThreadPoolExecutor(1, thread_name_prefix="starter")


def started(argv: Sequence[str], log: IO[bytes], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    setpriv = shutil.which("setpriv")
    dying_with_us = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
    # A session of its own: what is ended then is this group, and nobody else's server.
    return subprocess.Popen(
        [*dying_with_us, *argv], stdout=subprocess.PIPE, stderr=log, env=environment, start_new_session=True
    )


def first_line(process: subprocess.Popen[bytes], deadline: float) -> str:
    """What it says first on stdout, up to the end of the line or the deadline."""
    assert process.stdout is not None
    said = b""
    while not said.endswith(b"\n") and (left := deadline - time.monotonic()) > 0:
        if select.select([process.stdout], [], [], left)[0]:
            chunk = os.read(process.stdout.fileno(), 4096)
            if not chunk:
                break
            said += chunk
    return said.decode(errors="replace").strip()


class Serve:
    """One `serve`; `start` may be called again after it ended. A context manager that leaves no process."""

    def __init__(
        self,
        home: Path,
        *arguments: str,
        data_dir: Path | None = None,
        database_url: str | None = None,
        path: str | None = None,
        settings: Mapping[str, str] | None = None,
        scoring: bool = False,
    ) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.data_dir = data_dir or home / "data"
        self.log = home / "serve.log"
        self.port = free_port()
        self._database_url = database_url
        self._arguments = [*arguments, "--data-dir", str(self.data_dir)]
        chosen = {**({"PATH": path} if path else {}), **({} if scoring else NOT_SCORED), **(settings or {})}
        self._environment = clean_environment(**chosen)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clean_up()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def cluster(self) -> Path:
        return self.data_dir / "postgres"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it was not started"
        return self._process

    def start(self) -> float:
        """Returns when it says that it is ready, with the seconds that took; fails when they are too many."""
        self._close()
        argv = [*VENDORPAY, "serve", "--host", HOST, "--port", str(self.port), *self._arguments]
        if self._database_url is not None:
            argv += ["--database-url", self._database_url]
        began = time.monotonic()
        with self.log.open("ab") as log:
            self._process = STARTER.submit(started, argv, log, self._environment).result()
        line = first_line(self._process, began + READY_S_MAX)
        assert line == f"{READY}{self.url}", f"it said {line!r} within {READY_S_MAX} s; its log ends:\n{self.words()}"
        return time.monotonic() - began

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """kill -9 of the parent alone, as an operator does it."""
        self.process.kill()
        self.process.wait(STOP_S_MAX)

    def kill_everything(self) -> None:
        """kill -9 of the parent, its serving processes and every process of its PostgreSQL."""
        os.killpg(self.process.pid, signal.SIGKILL)
        for pid in processes.using(self.cluster, None):
            processes.send(pid, signal.SIGKILL)
        self.process.wait(STOP_S_MAX)

    def terminate(self) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        return self.process.wait(STOP_S_MAX)

    def children(self) -> list[int]:
        """The processes that it started: those that answer, and PostgreSQL."""
        found: set[int] = set()  # the kernel may name one twice while others come and go
        for thread in Path(f"/proc/{self.process.pid}/task").glob("*/children"):
            with suppress(OSError):  # the thread ended meanwhile
                found.update(map(int, thread.read_text().split()))
        return sorted(found)

    def serving_pids(self) -> list[int]:
        """The processes that answer requests."""
        found = []
        for pid in self.children():
            with suppress(ProcessLookupError):  # it was buried just now
                if os.getpgid(pid) == self.process.pid:
                    found.append(pid)
        return found

    def postgres(self) -> AttachedPostgres:
        """The embedded PostgreSQL that runs now."""
        found = embedded_postgres.running(self.data_dir)
        assert found is not None, f"no PostgreSQL runs on {self.data_dir}:\n{self.words()}"
        return found

    def books_url(self) -> str:
        """The database as a superuser sees it: to look at what the service wrote."""
        return self._database_url or self.postgres().superuser_url("vendorpay")

    def token(
        self,
        role: str,
        *,
        sub: str | None = None,
        org: str = "default",
        vendor: str | None = None,
        ttl_s: float = TOKEN_TTL_S,
    ) -> str:
        """What `vendorpay token` prints, without starting a process for each."""
        who, now = sub or str(uuid4()), datetime.now(UTC)
        return self._issuer.mint(
            sub=who, role=role, ttl=timedelta(seconds=ttl_s), now=now, jti=str(uuid4()), org=org, vendor=vendor
        )

    @cached_property
    def _issuer(self) -> LocalIssuer:
        return LocalIssuer.open(self.data_dir)

    def words(self) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:]) if self.log.exists() else ""

    def clean_up(self) -> None:
        """Ends whatever still runs: the group, and a PostgreSQL that outlived it."""
        if self._process is not None and self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(STOP_S_MAX)
        self._close()
        if self.cluster.exists():
            assert processes.end(lambda: processes.using(self.cluster, None), processes.ORPHANS)

    def _close(self) -> None:
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()


@contextmanager
def quick_home() -> Iterator[Path]:
    """A folder in memory where there is enough of it: setting up a database takes seconds on a disk that is busy.

    Not for faults: a disk's slow commits are what they are to hit.
    """
    roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > MEMORY_BYTES_MIN
    place = MEMORY if roomy else None
    with tempfile.TemporaryDirectory(prefix="vendorpay-test-", dir=place, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def serving(home: Path, *arguments: str, database_url: str | None = None, scoring: bool = False) -> Iterator[Serve]:
    """A `serve` that is ready."""
    with Serve(home, *arguments, database_url=database_url, scoring=scoring) as serve:
        serve.start()
        yield serve


def vendorpay(*arguments: str, timeout: float = 60.0, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs another command of vendorpay to its end."""
    command: Sequence[str] = [*VENDORPAY, *arguments]
    environ = clean_environment(**environment)
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=environ, check=False)
