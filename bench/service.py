"""The real service: `vendorpay serve` as a process of its own, on a database of the bench."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import uuid4

from bench.load_generator import Task
from bench.measuring import Measured, measured
from bench.process_tree import Meter, Tree
from vendorpay.adapters.local_issuer import LocalIssuer

LOG: Final = "serve.log"
READY: Final = "vendorpay is ready on "
READY_S_MAX: Final = 60.0
STOP_S_MAX: Final = 45.0
TOKEN_TTL: Final = timedelta(hours=6)
RUN_S_MAX: Final = 180
SAMPLE_S: Final = 0.1
THE_SAME_WORK: Final = {"VENDORPAY_FRAUD_PROVIDER": "off", "VENDORPAY_REQUIRED_APPROVALS": "1"}
"""So that the service writes the very rows that pgbench writes; what scoring costs is a cell of its own."""
WARM_SHARE: Final = 0.1
"""Its connections are warm; it finds its pace again."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service that answers. It sleeps while others are measured: see `awake`."""

    process: subprocess.Popen[str]
    port: int
    home: Path
    workers: int

    @property
    def tree(self) -> Tree:
        return Tree(self.process.pid)

    def token(self, role: str, sub: str, org: str) -> str:
        """A token that the service verifies at each request."""
        issuer, now = LocalIssuer.open(self.home), datetime.now(UTC)
        return issuer.mint(sub=sub, role=role, ttl=TOKEN_TTL, now=now, jti=str(uuid4()), org=org)

    @contextmanager
    def awake(self) -> Iterator[None]:
        """Lets it run for a while; stopped, its background work takes no time from what is measured beside it."""
        os.killpg(self.process.pid, signal.SIGCONT)
        try:
            yield
        finally:
            # What it writes after the last answer (positions, the log) is done before it sleeps again.
            time.sleep(SAMPLE_S)
            os.killpg(self.process.pid, signal.SIGSTOP)

    def measure(self, task: Task, database: Tree) -> Measured:
        """Does one task, with the CPU and the memory of all who had to do with it. Raises RuntimeError."""
        argv = [sys.executable, "-m", "bench.load_generator"]
        with self.awake(), Meter(self.tree, database) as meter:
            done = subprocess.run(
                argv, input=json.dumps(asdict(task)), capture_output=True, text=True, timeout=RUN_S_MAX, check=False
            )
        if done.returncode:
            raise RuntimeError(f"{task.kind} with {task.clients} clients failed: {done.stderr}")
        result = json.loads(done.stdout)
        found = measured(
            [result["began_at"] + end for end in result["ends_s"]],
            result["latencies_s"],
            first=int(WARM_SHARE * len(result["ends_s"])),
            used=meter.cpu_s,
            client_s=result["cpu_s"],
        )
        return replace(found, rss_mb=meter.peak_rss_mb)


@contextmanager
def serving(
    home: Path, *arguments: str, workers: int = 1, environment: Mapping[str, str] | None = None
) -> Iterator[Service]:
    """A `serve` that is ready, asleep until it is measured; its log is in its folder."""
    process = started(home, "--workers", str(workers), *arguments, environment=environment)
    try:
        port = int(wait_until_ready(process, home).rpartition(":")[2])
        service = Service(process=process, port=port, home=home, workers=workers)
        os.killpg(process.pid, signal.SIGSTOP)
        yield service
    finally:
        stop(process)


def started(home: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """A `serve` that has just begun, on any free port, with `home` for its keys unless the arguments say otherwise."""
    home.mkdir(parents=True, exist_ok=True)
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
    where = () if "--data-dir" in arguments else ("--data-dir", str(home))
    # It may be asleep when the bench is killed, and then would be for ever.
    setpriv = shutil.which("setpriv")
    watch = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
    argv = [*watch, sys.executable, "-m", "vendorpay", "serve", "--port", "0", *where, *arguments]
    with (home / LOG).open("a") as log:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**kept, **THE_SAME_WORK, **(environment or {})},
            start_new_session=True,
        )


def wait_until_ready(process: subprocess.Popen[str], home: Path) -> str:
    """The URL of a `serve` that answers. Raises RuntimeError with the end of its log."""
    assert process.stdout is not None
    said = select.select([process.stdout], [], [], READY_S_MAX)[0]
    line = process.stdout.readline().strip() if said else ""
    if not line.startswith(READY):
        words = (home / LOG).read_text(errors="replace")[-2000:]
        raise RuntimeError(f"serve did not become ready:\n{words}")
    return line.removeprefix(READY)


def stop(process: subprocess.Popen[str]) -> None:
    """SIGTERM to `serve`, which lets it finish; SIGKILL when it does not."""
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGCONT)
    process.terminate()
    try:
        process.wait(STOP_S_MAX)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
