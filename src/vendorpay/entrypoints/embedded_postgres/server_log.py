"""postgres.log: opened by the launcher, so that PostgreSQL needs no right to it, and kept small."""

import os
from pathlib import Path

from vendorpay.entrypoints.embedded_postgres.layout import Layout

LOG_BYTES_MAX = 10 * 1024 * 1024
WORDS_LINES = 15
WORDS_BYTES = 16 * 1024


class ServerLog:
    """The log of one data directory. One older part is kept as postgres.log.1."""

    def __init__(self, layout: Layout, *, limit: int = LOG_BYTES_MAX) -> None:
        self._layout = layout
        self._limit = limit
        self.path: Path = layout.log

    def open(self) -> int:
        """A descriptor that appends, which is what lets `trim` cut the file while PostgreSQL writes to it."""
        return self._layout.open_private(self.path, os.O_WRONLY | os.O_APPEND)

    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def trim(self) -> None:
        """Moves the newest part to postgres.log.1 and empties the file, when it has grown over its limit."""
        if self.size() <= self._limit:
            return
        newest = self._from(max(0, self.size() - self._limit))
        previous = self._layout.open_private(self.path.with_name("postgres.log.1"), os.O_WRONLY | os.O_TRUNC)
        with open(previous, "wb") as file:
            file.write(newest)
        os.truncate(self.path, 0)

    def words_since(self, position: int) -> str:
        """The last lines written after a position."""
        text = self._from(max(position, self.size() - WORDS_BYTES)).decode(errors="replace")
        return "\n".join(text.splitlines()[-WORDS_LINES:]) or "(it said nothing)"

    def _from(self, position: int) -> bytes:
        with self.path.open("rb") as file:
            file.seek(position)
            return file.read()
