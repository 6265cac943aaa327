"""A process of `serve` never outlives it, however `serve` ends: an orphan would hold the port and go on writing."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from typing import BinaryIO, Final

_PR_SET_PDEATHSIG: Final = 1


def die_with_parent(lifeline: BinaryIO) -> None:
    """Ends this process at once when its parent is gone.

    `lifeline` is the read end of a pipe that the parent holds open and never writes to again. Its end is the news on
    every system; on Linux the kernel brings it sooner, and even to a process that is stopped.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # The parent may have died before that: then the pipe is at its end already.
    threading.Thread(target=_wait_for_the_end, args=(lifeline,), name="lifeline", daemon=True).start()


def _wait_for_the_end(lifeline: BinaryIO) -> None:
    while lifeline.read(1):
        pass
    os.kill(os.getpid(), signal.SIGKILL)
