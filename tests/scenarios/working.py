"""`vendorpay worker` as a process of its own: started, killed, started again, and never left behind."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.scenarios.serving import (
    STARTER,
    STOP_S_MAX,
    VENDORPAY,
    clean_environment,
    first_line,
    started,
)

WORKING = "vendorpay worker is at work"
START_S_MAX = 90.0


class Worker:
    """One `vendorpay worker`; `start` may be called again after it ended. A context manager that leaves no process."""

    def __init__(self, home: Path, *, database_url: str, settings: Mapping[str, str] | None = None) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.log = home / "worker.log"
        self._argv = [*VENDORPAY, "worker", "--data-dir", str(home / "data")]
        self._environment = clean_environment(VENDORPAY_DATABASE_URL=database_url, **(settings or {}))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.kill()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it was not started"
        return self._process

    def start(self) -> None:
        """Returns when it says that it is at work."""
        with self.log.open("ab") as log:
            self._process = STARTER.submit(started, self._argv, log, self._environment).result()
        line = first_line(self._process, time.monotonic() + START_S_MAX)
        assert line == WORKING, f"it said {line!r}; its log ends:\n{self.words()}"

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(STOP_S_MAX)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def terminate(self) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        return self.process.wait(STOP_S_MAX)

    def words(self) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:]) if self.log.exists() else ""
