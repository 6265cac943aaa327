"""A file of events, line by line and in constant memory, in batches that are ready to be sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final

import msgspec

from vendorpay.entrypoints.cli import file_lines

BATCH_LINES_MAX: Final = 100
BATCH_BYTES_MAX: Final = 4 * 1024 * 1024
# What the service takes as a body, with room for the brackets around it.
LINE_BYTES_MAX: Final = 16 * 1024 * 1024 - 1024
NOT_AN_OBJECT: Final = "the line is not a JSON object"
TOO_LONG: Final = f"the line is longer than {LINE_BYTES_MAX} bytes"


@dataclass(frozen=True)
class Line:
    """One event's bytes as they are in the file, and where."""

    number: int
    raw: bytes


@dataclass(frozen=True)
class Batch:
    """Lines to send together; those that are no events, with the reason; and where in the file the batch ends."""

    lines: list[Line] = field(default_factory=list)
    rejected: list[tuple[int, str]] = field(default_factory=list)
    end: int = 0

    @property
    def body(self) -> bytes:
        """The lines as one JSON array, byte for byte."""
        return b"[" + b",".join(line.raw for line in self.lines) + b"]"


def batches(file: BinaryIO) -> Iterator[Batch]:
    """The file's batches in its order; blank lines count for nothing."""
    lines: list[Line] = []
    rejected: list[tuple[int, str]] = []
    size = end = start = 0
    for number, whole, end in file_lines.lines(file, LINE_BYTES_MAX):
        raw = None if whole is None else whole.strip(b" \t\r\n")
        reason = TOO_LONG if raw is None else NOT_AN_OBJECT if raw and not is_object(raw) else None
        if reason is not None:
            rejected.append((number, reason))
        elif raw:
            if lines and size + len(raw) + 1 > BATCH_BYTES_MAX:
                yield Batch(lines, rejected, start)
                lines, rejected, size = [], [], 0
            lines.append(Line(number, raw))
            size += len(raw) + 1
        start = end
        if len(lines) + len(rejected) >= BATCH_LINES_MAX:
            yield Batch(lines, rejected, end)
            lines, rejected, size = [], [], 0
    if lines or rejected:
        yield Batch(lines, rejected, end)


def is_object(raw: bytes) -> bool:
    """Whether it is one JSON object in UTF-8, and nothing else."""
    try:
        raw.decode()
        msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except (ValueError, RecursionError):  # DecodeError and UnicodeDecodeError are ValueErrors.
        return False
    return True
