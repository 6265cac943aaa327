"""What Linux tells about other processes of ours: memory and time on processors."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

_PROC: Final = Path("/proc")
# Places in /proc/<pid>/stat after the name in parentheses, which may hold blanks (proc_pid_stat(5)).
_USER, _SYSTEM, _BORN, _RESIDENT_PAGES = 11, 12, 19, 21


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """`born` tells a process from a later one that got its number."""

    born: float
    cpu_s: float
    resident_bytes: float


def lives(pid: int) -> bool:
    """Whether there is a process of that number."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def usage(pid: int) -> Usage | None:
    """What a process uses; None when it is gone, or where there is no /proc."""
    try:
        text = (_PROC / str(pid) / "stat").read_text("utf-8", "replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    ticks = os.sysconf("SC_CLK_TCK")
    return Usage(
        born=float(fields[_BORN]),
        cpu_s=(int(fields[_USER]) + int(fields[_SYSTEM])) / ticks,
        resident_bytes=float(int(fields[_RESIDENT_PAGES]) * os.sysconf("SC_PAGE_SIZE")),
    )
