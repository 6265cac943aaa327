"""A process of `serve` never outlives it, however `serve` ends: an orphan would hold the port and go on writing."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def die_with_parent(lifeline: int) -> None:
    """Ends this process at once when its parent is gone.

    `lifeline` is the descriptor of a pipe's read end; the parent holds the other one open and never writes to it
    again. Its end is the news on every system; on Linux the kernel brings it sooner, even to a stopped process.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # The parent may have died before that: then the pipe is at its end already.
    threading.Thread(target=_wait_for_the_end, args=(lifeline,), name="lifeline", daemon=True).start()


def _wait_for_the_end(lifeline: int) -> None:
    # Of the descriptor, not of sys.stdin: its lock, held by this thread, would break the interpreter's orderly end.
    while os.read(lifeline, 1):
        pass
    os.kill(os.getpid(), signal.SIGKILL)
