"""Where things lie under a data directory, and files there that nobody else may read."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from vendorpay.entrypoints.embedded_postgres.errors import DataDirectoryUnusable


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one data directory. Its files belong to the owner of the directory.

    So a root that runs once on the directory of an ordinary user leaves nothing that user cannot open.
    """

    data_dir: Path
    uid: int
    gid: int

    @classmethod
    def of(cls, data_dir: Path) -> Self:
        """The layout of a directory that exists. Raises OSError."""
        data_dir = data_dir.absolute()
        stat = data_dir.stat()
        return cls(data_dir, stat.st_uid, stat.st_gid)

    @classmethod
    def make(cls, data_dir: Path) -> Self:
        """The same, for a directory made here (0700) when it is missing. Raises DataDirectoryUnusable."""
        try:
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            layout = cls.of(data_dir)
        except OSError as error:
            raise DataDirectoryUnusable(data_dir=data_dir, reason=_reason(error)) from error
        if not os.access(layout.data_dir, os.W_OK | os.X_OK):
            raise DataDirectoryUnusable(data_dir=data_dir, reason="this user may not write in it.")
        return layout

    @property
    def cluster(self) -> Path:
        return self.data_dir / "postgres"

    @property
    def log(self) -> Path:
        return self.data_dir / "postgres.log"

    @property
    def lock(self) -> Path:
        return self.data_dir / "serve.lock"

    @property
    def password(self) -> Path:
        return self.data_dir / "postgres.password"

    @property
    def port(self) -> Path:
        return self.data_dir / "postgres.port"

    @property
    def sockets(self) -> Path:
        return self.data_dir / "postgres.socket"

    def open_private(self, path: Path, flags: int) -> int:
        """A descriptor of a file made with mode 0600 when it is missing."""
        descriptor = os.open(path, flags | os.O_CREAT, 0o600)
        if os.geteuid() == 0:
            os.fchown(descriptor, self.uid, self.gid)
        return descriptor

    def write(self, path: Path, text: str) -> None:
        """Puts a small private file in place, whole or not at all."""
        write_private(path, text, owner=(self.uid, self.gid))


def write_private(path: Path, text: str, *, owner: tuple[int, int]) -> None:
    """Puts a file (0600) in place, whole or not at all, also when the power fails."""
    draft = path.with_name(f"{path.name}.draft")
    with suppress(FileNotFoundError):
        draft.unlink()
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        if os.geteuid() == 0:
            os.fchown(descriptor, *owner)
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Makes the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: OSError) -> str:
    return f"{error.strerror or error} ({error.filename})."
