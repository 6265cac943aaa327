"""What a process and all below it have used, from /proc."""

from __future__ import annotations

import os
import re
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
LOOK_S: Final = 0.2


@dataclass(frozen=True)
class Tree:
    """A process and its descendants. Those that ended count with the parent that waited for them."""

    pid: int

    def cpu_s(self) -> float:
        """The seconds of CPU that all of them have used."""
        return sum(map(_cpu_s, self.pids()))

    def rss_mb(self) -> float:
        """What all of them have in memory now; pages that they share count for each."""
        return sum(map(_rss_mb, self.pids()))

    def pids(self) -> Iterator[int]:
        """The living ones, parents first."""
        yield self.pid
        try:
            threads = os.listdir(f"/proc/{self.pid}/task")
        except OSError:  # the process has ended
            return
        for thread in threads:
            try:
                children = Path(f"/proc/{self.pid}/task/{thread}/children").read_text().split()
            except OSError:  # the thread has ended
                continue
            for child in children:
                yield from Tree(int(child)).pids()


class Meter:
    """Looks at some trees again and again while a block runs, and then tells what they used between two moments."""

    def __init__(self, *trees: Tree) -> None:
        self._trees = trees
        self._looks: list[tuple[float, list[float]]] = []
        self._peak_rss_mb = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="meter")

    def __enter__(self) -> Self:
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._look()

    def cpu_s(self, since: float, until: float) -> list[float]:
        """The CPU seconds of each tree between two moments of time.time(), which lie within the block."""
        before, after = self._at(since), self._at(until)
        return [late - early for early, late in zip(before, after, strict=True)]

    @property
    def peak_rss_mb(self) -> float:
        """The most that the first tree had in memory."""
        return self._peak_rss_mb

    def _look_on(self) -> None:
        while not self._ended.wait(LOOK_S):
            self._look()

    def _look(self) -> None:
        self._looks.append((time.time(), [tree.cpu_s() for tree in self._trees]))
        self._peak_rss_mb = max(self._peak_rss_mb, self._trees[0].rss_mb())

    def _at(self, moment: float) -> list[float]:
        times = [at for at, _ in self._looks]
        place = min(max(1, bisect_left(times, moment)), len(times) - 1)
        (earlier, low), (later, high) = self._looks[place - 1 : place + 1]
        share = min(1.0, max(0.0, (moment - earlier) / (later - earlier)))
        return [one + (two - one) * share for one, two in zip(low, high, strict=True)]


def _cpu_s(pid: int) -> float:
    try:
        # The name, in parentheses, may hold spaces.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS_PER_S


def _rss_mb(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES / 1e6
    except OSError:
        return 0.0


def peak_rss_mb(pid: int) -> float:
    """The most memory that this process has had resident so far; 0 when it is gone."""
    try:
        found = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.M)
    except OSError:
        return 0.0
    return int(found[1]) * 1024 / 1e6 if found else 0.0
