"""Checkpoints in one file: a line each, added at its end, nothing written over."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from vendorpay.adapters.checkpoint_folder import synced
from vendorpay.domain.checkpoint import DOCUMENT_BYTES_MAX, Held, NotACheckpoint, NotShipped, document_of


class CheckpointFile:
    """A file of JSON lines, made when it is not there, and held alone from the first look until `close`."""

    identity = None

    def __init__(self, file: Path) -> None:
        self._path = file
        self._file: BinaryIO | None = None

    async def held(self) -> Held:
        """What the file holds. Raises NotShipped, also when another process writes to it."""
        return await asyncio.to_thread(self._held)

    async def put(self, number: int, document: bytes) -> None:
        """Adds a line durably. Raises NotShipped."""
        await asyncio.to_thread(self._put, document)

    def close(self) -> None:
        """Lets others have the file. One that nothing was written to does not stay behind."""
        if self._file is not None:
            if not os.fstat(self._file.fileno()).st_size:
                self._path.unlink(missing_ok=True)
            self._file.close()

    def _held(self) -> Held:
        numbers, newest_hash = [], ""
        try:
            file = self._opened()
            for line in _lines(file):
                found = document_of(line)
                numbers.append(found.checkpoint.number)
                newest_hash = found.hash
        except OSError as error:
            raise NotShipped(f"{self._path} cannot be used: {error.strerror}.") from error
        except NotACheckpoint as error:
            raise NotShipped(f"{self._path} holds something else than checkpoints: {error}.") from error
        return Held(numbers=frozenset(numbers), newest_hash=newest_hash)

    def _opened(self) -> BinaryIO:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a+b")
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                self._file.close()
                self._file = None
                raise NotShipped(f"Another process writes checkpoints to {self._path}.") from error
            synced(self._path.parent)
        return self._file

    def _put(self, document: bytes) -> None:
        try:
            file = self._opened()
            file.write(document)
            file.flush()
            os.fsync(file.fileno())
        except OSError as error:
            raise NotShipped(f"{self._path} cannot be written: {error.strerror}.") from error


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The whole lines. What a process that died left of one is cut off: it never counted."""
    file.seek(0)
    whole = 0
    while line := file.readline(DOCUMENT_BYTES_MAX):
        if not line.endswith(b"\n"):
            if len(line) == DOCUMENT_BYTES_MAX:
                raise NotACheckpoint("a line is too long")
            file.truncate(whole)
            return
        whole += len(line)
        yield line
