"""Who uses a cluster right now, and how to end them."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

PROC = Path("/proc")
POLL_S = 0.01

# A signal and how long it may take. PostgreSQL: SIGTERM waits for clients to leave, SIGINT rolls them back,
# SIGQUIT leaves at once (the next start recovers from the log of writes), SIGKILL is the kernel's own.
Step = tuple[signal.Signals, float]
POLITE: Sequence[Step] = ((signal.SIGTERM, 1), (signal.SIGINT, 15), (signal.SIGQUIT, 4), (signal.SIGKILL, 4))
FIRM: Sequence[Step] = ((signal.SIGINT, 8), (signal.SIGQUIT, 3), (signal.SIGKILL, 3))
ORPHANS: Sequence[Step] = ((signal.SIGQUIT, 1), (signal.SIGKILL, 4))


def using(cluster: Path, written_pid: int | None) -> set[int]:
    """The PostgreSQL processes of a cluster, orphaned backends included.

    The number in postmaster.pid proves nothing (numbers are reused): a process counts when it is called
    postgres and works in the directory. Without /proc (macOS) the written one is asked for its command.
    """
    if _has_proc():
        return using_among({int(entry.name) for entry in os.scandir(PROC) if entry.name.isdigit()}, cluster)
    return using_among({written_pid} if written_pid else set(), cluster)


def using_among(pids: set[int], cluster: Path) -> set[int]:
    """Those of the given processes that are PostgreSQL processes of a cluster."""
    if not _has_proc():
        return {pid for pid in pids if _is_postmaster_by_ps(cluster, pid)}
    try:
        home = cluster.stat()
    except FileNotFoundError:
        return set()
    found: set[int] = set()
    for pid in pids:
        try:
            if PROC.joinpath(str(pid), "comm").read_text().strip() != "postgres":
                continue
            # The inode, because the path may read differently through links and mounts.
            where = PROC.joinpath(str(pid), "cwd").stat()
        except OSError:  # It ended meanwhile, is a zombie, or is somebody else's.
            continue
        if (where.st_dev, where.st_ino) == (home.st_dev, home.st_ino):
            found.add(pid)
    return found


def _has_proc() -> bool:
    return PROC.joinpath("self").exists()


def _is_postmaster_by_ps(cluster: Path, pid: int) -> bool:
    asked = subprocess.run(
        ["/bin/ps", "-ww", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False
    )
    return "postgres" in asked.stdout and str(cluster) in asked.stdout


def end(pids: Callable[[], set[int]], steps: Sequence[Step]) -> bool:
    """Sends each signal in turn until nobody is left; False when somebody outlived them all."""
    for number, patience_s in steps:
        for pid in pids():
            send(pid, number)
        deadline = time.monotonic() + patience_s
        while pids():
            if time.monotonic() > deadline:
                break
            time.sleep(POLL_S)
        else:
            return True
    return False


def send(pid: int, number: signal.Signals) -> None:
    """Sends a signal; a process that has gone meanwhile is what was wanted."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
