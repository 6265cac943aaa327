"""A real `vendorpay serve` of a test: started, asked, hurt, and cleaned up; only by process ids that are its own."""

from __future__ import annotations

import http.client
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.entrypoints.command_line import environment
from vendorpay.entrypoints import embedded_postgres

READY = "vendorpay is ready on "


@dataclass(frozen=True)
class Reply:
    """An answer over HTTP."""

    status: int
    body: Any


class Serve:
    """One `serve` on a data directory, on a free port unless one is given."""

    def __init__(self, data_dir: Path, *options: str, port: int = 0, settings: dict[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self.log = data_dir.parent / f"{data_dir.name}.serve.log"
        argv = [sys.executable, "-m", "vendorpay", "serve", "--port", str(port), "--data-dir", str(data_dir), *options]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                argv,
                stdout=subprocess.PIPE,
                stderr=log,
                stdin=subprocess.DEVNULL,
                # Scoring is beside the point here: what is created may be approved at once.
                env=environment() | {"VENDORPAY_FRAUD_PROVIDER": "off"} | (settings or {}),
                start_new_session=True,
            )
        self.said = ""
        self.url = ""

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait_until_ready(self, timeout_s: float = 30) -> Serve:
        """Waits for the line of contract section 1."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + timeout_s
        while "\n" not in self.said:
            assert time.monotonic() < deadline, self.log.read_text()
            assert self.process.poll() is None, self.log.read_text()
            if select.select([self.process.stdout], [], [], 0.1)[0]:
                self.said += os.read(self.process.stdout.fileno(), 4096).decode()
        assert self.said.startswith(READY), self.said
        self.url = self.said.strip().removeprefix(READY)
        return self

    def stop(self, number: int = signal.SIGTERM, timeout_s: float = 45) -> int:
        """Signals it and returns its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout_s)

    def workers(self) -> list[int]:
        """The serving processes that are children of this one."""
        return [pid for pid in children(self.pid) if b"serving_process" in command_of(pid)]

    def ask(self, method: str, path: str, token: str | None = None, body: object = None) -> Reply:
        """One request on a connection of its own. Raises OSError, http.client.HTTPException."""
        place = urlsplit(self.url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=20)
        try:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            data = None
            if body is not None:
                headers["Content-Type"] = "application/json"
                data = json.dumps(body)
            connection.request(method, path, body=data, headers=headers)
            response = connection.getresponse()
            raw = response.read()
        finally:
            connection.close()
        return Reply(response.status, json.loads(raw) if raw else None)

    def is_ready(self) -> bool:
        """Whether /health/ready answers 200."""
        with suppress(OSError, http.client.HTTPException):
            return self.ask("GET", "/health/ready").status == 200
        return False

    def events(self) -> list[str]:
        """What its log tells, by name."""
        return [json.loads(line)["event"] for line in self.log.read_text().splitlines()]

    def clean_up(self) -> None:
        """Ends it and what it left."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        left = embedded_postgres.running(self.data_dir)
        if left is not None:
            with suppress(ProcessLookupError):
                os.kill(left.pid, signal.SIGQUIT)


def eventually(true: Callable[[], object], timeout_s: float = 60) -> None:
    """Waits until something is true; fails when it does not become so."""
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    """The direct children of a process, each once: the kernel may name one twice while others come and go."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            found.update(map(int, (task / "children").read_text().split()))
    return sorted(found)


def command_of(pid: int) -> bytes:
    """A process's command line, empty when it is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def is_alive(pid: int) -> bool:
    """Whether a process still runs: a zombie does not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    return False


def work_completed(number: int) -> dict[str, Any]:
    """An event that fits."""
    at = "2026-10-01T06:04:03Z"
    return {
        "id": f"00000000-0000-4000-8000-{number:012d}",
        "source": "roadcall.incident-service",
        "detail-type": "WorkCompleted",
        "time": at,
        "detail": {
            "incidentId": f"10000000-0000-4000-8000-{number:012d}",
            "vendorId": "20000000-0000-4000-8000-000000000001",
            "completedAt": at,
            "workDetails": {"photos": [], "serviceType": "towing", "duration": 30},
            "pricing": {"basePrice": 10_000 + number, "mileageCharge": 0},
        },
    }
