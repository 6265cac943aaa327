"""Whom generated requests ask: a running `serve` in the soak; in a quick run the same service, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.api.in_process import URL, in_process
from tests.scenarios.books import UNEQUAL, assert_whole
from tests.scenarios.serving import Serve, quick_home, serving
from vendorpay.adapters.local_issuer import LocalIssuer

MEMORY_BYTES_MAX = 400 * 1024 * 1024
"""Of a serving process after any number of requests; half of it was seen, most of that is Python itself."""


@dataclass(frozen=True)
class Asked:
    """A service, and how to ask it."""

    url: str
    session: requests.Session
    mint: Callable[..., str]

    def token(self, role: str, sub: str, *, org: str = "default", vendor: str | None = None) -> str:
        """What somebody of that role, organisation and vendor says of themselves."""
        return self.mint(role, sub=sub, org=org, vendor=vendor)


@contextmanager
def asked_in_process(issuer: LocalIssuer, database_url: str) -> Iterator[Asked]:
    """A service in this process."""
    with in_process(issuer, database_url) as (caller, session):
        yield Asked(URL, session, caller.token)


@contextmanager
def asked_over_sockets() -> Iterator[Asked]:
    """A `serve`, which in the end has said nothing of failures, took no more memory than it may, and left whole books.

    Raises AssertionError otherwise.
    """
    with quick_home() as home, serving(home) as serve, requests.Session() as session:
        session.trust_env = False
        yield Asked(serve.url, session, serve.token)
        assert max(map(memory_bytes, serve.serving_pids())) < MEMORY_BYTES_MAX
        assert_whole(serve.books_url(), but=[UNEQUAL])
        assert_no_failure(serve)


def assert_no_failure(serve: Serve) -> None:
    """Stops it; nothing in its log is a failure."""
    assert serve.terminate() == 0
    log = serve.log.read_text()
    assert '"failure"' not in log
    assert '"failed to start"' not in log


def memory_bytes(pid: int) -> int:
    """The most that a process ever held in memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
