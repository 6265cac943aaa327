"""How far an import has come: a small file beside the imported one, replaced as a whole after each chunk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

from vendorpay.entrypoints.cli.payments_import.records import Position

VERSION: Final = 1
"""Of the state file, and of how rows become requests: a key must not come with another body."""


class Totals(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What became of the payments so far. `replayed` are those of `created` that an earlier attempt had made."""

    created: int = 0
    replayed: int = 0
    duplicate: int = 0
    rejected: int = 0


class State(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """An import: of what, to where, in whose name, and how far. Everything that a rerun needs to end with the same."""

    version: int
    sha256: str
    format: str
    url: str
    caller: str
    chunk: int
    errors: str
    errors_bytes: int = 0
    line: int = 1
    offset: int = 0
    spoiled: bool = False
    finished: bool = False
    totals: Totals = msgspec.field(default_factory=Totals)

    @property
    def position(self) -> Position:
        """Where the next chunk begins."""
        return Position(self.line, self.offset, self.spoiled)

    def moved_to(self, position: Position) -> None:
        """Sets where the next chunk begins."""
        self.line, self.offset, self.spoiled = position.line, position.offset, position.spoiled

    def key_of(self, first_line: int) -> str:
        """The Idempotency-Key of the chunk that begins there: of the same file and chunks always the same."""
        return f"import-{self.version}-{self.sha256}-{self.chunk}-{first_line}"


def load(path: Path) -> State | None:
    """The state, None when there is none. Raises ValueError when the file is no state of ours, OSError."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    found = msgspec.json.decode(raw, type=State)
    if found.version != VERSION:
        raise ValueError(f"it is of version {found.version}, and this is version {VERSION}")
    return found


def save(state: State, path: Path) -> None:
    """Replaces the file: whoever is killed meanwhile leaves the old one or the new one, never half of one."""
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(state)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    # The folder is not flushed: a machine that goes down may leave the state before, whose chunks are then replayed.
    part.replace(path)
