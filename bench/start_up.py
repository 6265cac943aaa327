"""How long `serve` takes on data that is there, and what importing a serving process costs."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from bench import service

IMPORTED: Final = "vendorpay.entrypoints.serving_process"


def ready_s(home: Path, times: int) -> float:
    """From the start of `serve` on the bench's own directory, PostgreSQL included, to its first answer; the median."""
    found = []
    for _ in range(times):
        began = time.monotonic()
        process = service.started(home / "serve", "--data-dir", str(home / "data"))
        try:
            service.wait_until_ready(process, home / "serve")
            found.append(time.monotonic() - began)
        finally:
            service.stop(process)
    return statistics.median(found)


def import_ms(times: int) -> float:
    """CPU of importing a serving process, over that of a bare Python; the median."""
    bare = statistics.median(_cpu_ms("pass") for _ in range(times))
    _cpu_ms(f"import {IMPORTED}")  # leaves the bytecode for those that follow
    return statistics.median(_cpu_ms(f"import {IMPORTED}") for _ in range(times)) - bare


def _cpu_ms(statement: str) -> float:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen([sys.executable, "-c", statement], env=environment)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{statement!r} failed")
    return (used.ru_utime + used.ru_stime) * 1000
