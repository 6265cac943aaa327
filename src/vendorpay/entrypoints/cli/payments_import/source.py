"""The file that is imported: opened once, locked while it is, and the same from the first byte to the last."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from vendorpay.entrypoints.cli.failures import CommandFailed


@dataclass(frozen=True)
class Source:
    """An open file and what it was when it was opened."""

    path: Path
    file: BinaryIO
    size: int
    sha256: str
    _changed_ns: int

    def must_be_as_it_was(self) -> None:
        """Raises CommandFailed when somebody has written to it: its keys and its lines are those of what it was."""
        now = os.fstat(self.file.fileno())
        if (now.st_size, now.st_mtime_ns) != (self.size, self._changed_ns):
            raise CommandFailed(
                f"{self.path} was changed while it was imported. What was sent stays; import it anew with --restart: "
                "what was created before is then counted as duplicate."
            )


def fault_of(path: Path) -> str | None:
    """Why this cannot be imported, None when it can."""
    if str(path) == "-":
        return "stdin cannot be read again where an import was cut off: write it to a file first."
    try:
        kind = path.stat().st_mode
    except OSError as error:
        return f"{str(path)!r} cannot be read: {error.strerror}."
    if not stat.S_ISREG(kind):
        return f"{str(path)!r} is no regular file; only one can be resumed."
    return None


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """The file, ready to be read from any place. Raises CommandFailed when another import of it is under way."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)  # ends with the process, however that ends
        except BlockingIOError:
            raise CommandFailed(f"{path} is being imported by another command.") from None
        before = os.fstat(file.fileno())
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        yield Source(path, file, before.st_size, sha256, before.st_mtime_ns)
