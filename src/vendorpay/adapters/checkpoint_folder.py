"""Checkpoints in a folder: one file each, written whole or not at all, and never written over."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from pathlib import Path
from typing import Final

from vendorpay.domain.checkpoint import DOCUMENT_BYTES_MAX, Held, NotACheckpoint, NotShipped, document_of

NAME: Final = "checkpoint-{}.json"
READABLE: Final = 0o644
_NAMED: Final = re.compile(r"checkpoint-([1-9][0-9]{0,17})\.json")


class CheckpointFolder:
    """A folder, made when it is not there. It should not be on the machine of the database."""

    identity = None

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def held(self) -> Held:
        """What lies in the folder. Raises NotShipped."""
        return await asyncio.to_thread(self._held)

    async def put(self, number: int, document: bytes) -> None:
        """Writes a file durably. Raises NotShipped, also when the file is there with another content."""
        await asyncio.to_thread(self._put, number, document)

    def _held(self) -> Held:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            files = numbered(self._folder)
            if not files:
                return Held()
            newest = document_of(_read(files[max(files)]))
        except OSError as error:
            raise NotShipped(f"The folder {self._folder} cannot be used: {error.strerror}.") from error
        except NotACheckpoint as error:
            raise NotShipped(f"The newest checkpoint in {self._folder} cannot be read: {error}.") from error
        return Held(numbers=frozenset(files), newest_hash=newest.hash)

    def _put(self, number: int, document: bytes) -> None:
        target = self._folder / NAME.format(number)
        try:
            if target.exists():
                if _read(target) != document:
                    raise NotShipped(f"{target} is there already, and says something else.")
                return
            begun = self._written(target.name, document)
            begun.rename(target)
            synced(self._folder)
        except OSError as error:
            raise NotShipped(f"{target} cannot be written: {error.strerror}.") from error

    def _written(self, name: str, document: bytes) -> Path:
        """A durable file of our own: another process, of another machine perhaps, may write the same one now."""
        descriptor, path = tempfile.mkstemp(prefix=f".{name}.", dir=self._folder)
        try:
            with open(descriptor, "wb") as file:
                file.write(document)
                file.flush()
                os.fchmod(file.fileno(), READABLE)  # an auditor is another user
                os.fsync(file.fileno())
        except OSError:
            Path(path).unlink(missing_ok=True)
            raise
        return Path(path)


def numbered(folder: Path) -> dict[int, Path]:
    """The files of checkpoints in a folder, by their numbers. Raises OSError."""
    found = ((_NAMED.fullmatch(file.name), file) for file in folder.iterdir())
    return {int(name[1]): file for name, file in found if name is not None}


def synced(folder: Path) -> None:
    """Makes the names in a folder durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(DOCUMENT_BYTES_MAX)
