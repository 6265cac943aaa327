"""Running commands as a user does: in this process, where that is quicker, or as `python -m vendorpay`."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

import pytest

from vendorpay.entrypoints.cli.main import main


@dataclass(frozen=True)
class Result:
    """What a command left: its exit code and its words."""

    code: int
    out: str
    err: str


class CommandLine:
    """Runs commands in this process, with an environment that has no settings but those given."""

    def __init__(self, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capfd = capfd
        self.environment = monkeypatch
        for name in [name for name in os.environ if name.startswith("VENDORPAY_")]:
            monkeypatch.delenv(name)

    def __call__(self, *arguments: object) -> Result:
        self._capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        said = self._capfd.readouterr()
        assert "Traceback" not in said.err
        code = ended.value.code
        assert code is None or isinstance(code, int)
        return Result(code or 0, said.out, said.err)


def environment() -> dict[str, str]:
    """This process's environment without settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("VENDORPAY_")}


def run_apart(*arguments: object, timeout_s: float = 60) -> Result:
    """Runs a command as a process of its own."""
    argv = [sys.executable, "-m", "vendorpay", *map(str, arguments)]
    done = subprocess.run(
        argv,
        capture_output=True,
        text=True,
        env=environment(),
        timeout=timeout_s,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return Result(done.returncode, done.stdout, done.stderr)
