"""What a process and all below it have used, from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


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
        for thread in Path(f"/proc/{self.pid}/task").glob("*/children"):
            try:
                children = thread.read_text().split()
            except OSError:  # the thread has ended
                continue
            for child in children:
                yield from Tree(int(child)).pids()


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
