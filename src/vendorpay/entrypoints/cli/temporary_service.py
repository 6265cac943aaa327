"""A whole service on a data directory of its own, for as long as a block lasts."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from vendorpay.adapters.local_issuer import LocalIssuer
from vendorpay.entrypoints.cli.failures import CommandFailed
from vendorpay.entrypoints.ids import system_now

READY: Final = "vendorpay is ready on "
READY_WAIT_S: Final = 60.0
STOP_WAIT_S: Final = 45.0
TOKEN_TTL: Final = timedelta(hours=1)


@dataclass(frozen=True)
class TemporaryService:
    """Where it answers, and how to become one of its callers."""

    url: str
    data_dir: Path

    def token(self, role: str) -> str:
        """A token for somebody new in this role."""
        issuer = LocalIssuer.open(self.data_dir)
        return issuer.mint(sub=str(uuid4()), role=role, ttl=TOKEN_TTL, now=system_now(), jti=str(uuid4()))

    def verified_audit(self) -> dict[str, Any]:
        """The report of `vendorpay audit verify`, on the service that runs."""
        argv = _command("audit", "verify", "--json", "--data-dir", str(self.data_dir))
        done = subprocess.run(argv, stdout=subprocess.PIPE, env=_environment(), check=False)
        try:
            report: dict[str, Any] = json.loads(done.stdout)
        except ValueError as error:
            raise CommandFailed(f"audit verify gave no report (exit code {done.returncode}).") from error
        return report


@contextmanager
def running() -> Iterator[TemporaryService]:
    """Starts it on a free port and stops it in order; its data is gone afterwards. Raises CommandFailed."""
    folder = Path(tempfile.mkdtemp(prefix="vendorpay-demo-"))
    try:
        with (folder / "serve.log").open("wb") as log:
            argv = _command("serve", "--host", "127.0.0.1", "--port", "0", "--data-dir", str(folder / "data"))
            process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=log, env=_environment())
        try:
            yield TemporaryService(_url(process, folder / "serve.log"), folder / "data")
            process.terminate()
            if (code := process.wait(STOP_WAIT_S)) != 0:
                raise CommandFailed(f"The service ended with {code} instead of 0.")
        finally:
            _end(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _url(process: subprocess.Popen[bytes], log: Path) -> str:
    """The URL of the ready line."""
    assert process.stdout is not None
    deadline = time.monotonic() + READY_WAIT_S
    said = b""
    while time.monotonic() < deadline and not said.endswith(b"\n"):
        if select.select([process.stdout], [], [], 0.1)[0]:
            chunk = os.read(process.stdout.fileno(), 4096)
            if not chunk:
                break
            said += chunk
    line = said.decode(errors="replace").strip()
    if not line.startswith(READY):
        last = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
        raise CommandFailed(f"The service did not become ready. Its last words:\n{last}")
    return line.removeprefix(READY)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_WAIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "vendorpay", *arguments]


def _environment() -> dict[str, str]:
    """Without settings: the demo is the same everywhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("VENDORPAY_")}
