"""One owner per data directory: a lock that the kernel drops when its holder dies, however it dies."""

import fcntl
import os

from vendorpay.entrypoints.embedded_postgres.errors import AlreadyRunning
from vendorpay.entrypoints.embedded_postgres.layout import Layout

_held: set[int] = set()


class DirectoryLock:
    """An flock on serve.lock, held from start() to stop()."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        _held.add(descriptor)

    @classmethod
    def take(cls, layout: Layout) -> "DirectoryLock":
        """Takes the lock at once, or raises AlreadyRunning with the holder's process id."""
        descriptor = layout.open_private(layout.lock, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            os.close(descriptor)
            raise AlreadyRunning(pid=holder or "(unknown)", data_dir=layout.data_dir) from None
        lock = cls(descriptor)
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except OSError:  # A full disk.
            lock.release()
            raise
        return lock

    def release(self) -> None:
        """Lets the next one in; a second release is harmless. The file stays: removing it would race."""
        if self._descriptor in _held:
            _held.discard(self._descriptor)
            os.close(self._descriptor)
        self._descriptor = -1


def _forget_in_child() -> None:
    # A forked worker shares the lock, and would hold it on after its parent was killed.
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_forget_in_child)
