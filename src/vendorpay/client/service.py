"""The operations that tell about the service itself; asked once, for they are true now or not at all."""

from __future__ import annotations

from vendorpay.client.answers import Answered, read_answer
from vendorpay.client.asking import Asking
from vendorpay.client.patience import ONCE
from vendorpay.client.request import Request


class Live(Answered, frozen=True, kw_only=True):
    """The process runs."""

    status: str = "live"


class Ready(Answered, frozen=True, kw_only=True):
    """The service can work, by these checks."""

    status: str
    checks: dict[str, str]


class ServiceOperations(Asking):
    """Health; no token is needed."""

    def get_liveness(self) -> Live:
        """Whether the process runs."""
        return read_answer(self._once("/health/live"), Live)

    def get_readiness(self) -> Ready:
        """Whether the service can work; if not, Problem 503 with its `body.checks`."""
        return read_answer(self._once("/health/ready"), Ready)

    def _once(self, path: str) -> bytes:
        return self.ask(Request(method="GET", path=path), patience=ONCE).body
