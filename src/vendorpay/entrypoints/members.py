"""The processes that answer requests, as `serve` sees them: started, restarted when one dies, stopped together."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final, Self

from vendorpay import observe

# A process that just died may have died of what is still the case.
PAUSE_S_MIN: Final = 0.1
PAUSE_S_MAX: Final = 5.0
# After so long a life the next pause is the shortest again.
STEADY_S: Final = 30.0
POLL_S: Final = 0.02

Handoffs = Callable[[int], bytes]


class Member:
    """One place for a process. It may import everything while the database is still starting."""

    def __init__(self, number: int, descriptors: Sequence[int]) -> None:
        self.number = number
        self.deaths = 0
        self._descriptors = descriptors
        self._pause_s = PAUSE_S_MIN
        self._not_before = 0.0
        self._told = False
        self._process: subprocess.Popen[bytes] | None = None
        self._born_at = 0.0

    def start(self) -> None:
        """Starts the process, which then waits for its handoff."""
        # stdout is for the one line of `serve`. Standard input stays open: its end tells of our death.
        # It inherits what is blocked: a Ctrl-C while it imports would end it with a traceback, before it ignores them.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "vendorpay.entrypoints.serving_process"],
                stdin=subprocess.PIPE,
                stdout=sys.stderr.fileno(),
                pass_fds=self._descriptors,
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self._born_at = time.monotonic()
        self._told = False

    def tend(self, handoffs: Handoffs) -> None:
        """Hands over to a new process, and puts one in the place of a dead one, after a pause that grows."""
        if self._process is None:
            if time.monotonic() >= self._not_before:
                self.start()
        elif (code := self._process.poll()) is not None:
            self._bury(code)
        elif not self._told:
            self._tell(handoffs(self.number))

    def ask_to_end(self) -> None:
        """Asks it to answer what it holds and to end."""
        if self._process is not None:
            self._process.terminate()

    def kill(self) -> None:
        """Ends it at once, and waits until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._close()

    def gone(self) -> bool:
        """Whether no process is left here."""
        return self._process is None or self._process.poll() is not None

    def _tell(self, line: bytes) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # It died; the next look finds that.
            self._process.stdin.write(line)
            self._process.stdin.flush()
        self._told = True

    def _bury(self, code: int) -> None:
        self.deaths += 1
        if time.monotonic() - self._born_at > STEADY_S:
            self._pause_s = PAUSE_S_MIN
        pause_s, self._pause_s = self._pause_s, min(PAUSE_S_MAX, self._pause_s * 2)
        self._not_before = time.monotonic() + pause_s
        observe.warning("a serving process ended", worker=self.number, exit_code=code, retry_in_s=pause_s)
        self._close()

    def _close(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        self._process = None


class Members:
    """All of them, each with these descriptors of ours. A context manager that leaves none behind."""

    def __init__(self, count: int, descriptors: Sequence[int]) -> None:
        self._members = [Member(number, descriptors) for number in range(1, count + 1)]

    def __enter__(self) -> Self:
        for member in self._members:
            member.start()
        return self

    def __exit__(self, *_: object) -> None:
        for member in self._members:
            member.kill()

    @property
    def deaths(self) -> int:
        """How often one has ended by itself."""
        return sum(member.deaths for member in self._members)

    def tend(self, handoffs: Handoffs) -> None:
        """Looks after each of them; to be called again and again."""
        for member in self._members:
            member.tend(handoffs)

    def renew(self) -> None:
        """Lets all end in order; `tend` puts new ones in their places, with what is handed over then."""
        for member in self._members:
            member.ask_to_end()

    def stop(self, wait_s: float, hurry: Callable[[], bool]) -> bool:
        """Lets all answer what they hold, for at most `wait_s`, or until `hurry`; True when all ended in order."""
        deadline = time.monotonic() + wait_s
        self.renew()
        while time.monotonic() < deadline and not hurry():
            if all(member.gone() for member in self._members):
                return True
            time.sleep(POLL_S)
        return all(member.gone() for member in self._members)


class Signals:
    """What SIGTERM and SIGINT asked for: once to stop, twice to stop now."""

    def __init__(self) -> None:
        self.count = 0
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._count)
        # A closed terminal ends `serve` in order as well.
        if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._count)

    def _count(self, *_: object) -> None:
        self.count += 1
