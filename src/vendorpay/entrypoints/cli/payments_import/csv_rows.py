"""The rows of a CSV file (RFC 4180), each with its lines and its place, in constant memory whatever is in it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import partial
from itertools import accumulate, islice
from typing import BinaryIO, Final

import msgspec

from vendorpay.entrypoints.cli import file_lines
from vendorpay.entrypoints.cli.payments_import.records import PAYMENT_BYTES_MAX, Position

ROW_BYTES_MAX: Final = 4 * PAYMENT_BYTES_MAX
"""A row may go over many lines; one whose quote is never closed would else be the rest of the file."""

LINES_AT_ONCE: Final = 64
"""How many lines are read together."""


class Row(msgspec.Struct, frozen=True, gc=False):
    """One row: its cells, or why they cannot be read."""

    first_line: int
    last_line: int
    end: int
    cells: list[str] | None
    reason: str = ""


class _Unreadable(Exception):
    """A line that cannot be part of a row; the message says why."""


class _Lines:
    """The lines of the file as the csv module wants them, and how far it has taken them."""

    def __init__(self, file: BinaryIO, start: Position) -> None:
        file.seek(start.offset)
        self.number, self.end = start.line - 1, start.offset
        self.row_start = start.offset
        self._lines = file_lines.lines(file, PAYMENT_BYTES_MAX, number=self.number, end=self.end)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.number, raw, self.end = next(self._lines)
        if raw is None:
            raise _Unreadable(f"a line is longer than {PAYMENT_BYTES_MAX} bytes")
        if self.end - self.row_start > ROW_BYTES_MAX:
            raise _Unreadable(f"the row is longer than {ROW_BYTES_MAX} bytes: is a quote never closed?")
        try:
            return raw.decode("utf-8-sig" if self.number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise _Unreadable(f"it is not UTF-8: {error.reason} at byte {error.start}") from None


def rows(file: BinaryIO, start: Position) -> Iterator[Row]:
    """The rows from a position on; empty lines count for nothing. After a row that cannot be read, the next line is
    taken for the beginning of one."""
    at = start
    while True:
        plain = _plain(file, at)
        for row in plain:
            if row.cells:
                yield row
        if plain:
            at = Position(plain[-1].last_line + 1, plain[-1].end)
            continue
        # Something about the next lines is odd, or there are none: one by one, until a row ends beyond them.
        beyond = at.line + LINES_AT_ONCE
        for row in one_by_one(file, at):
            yield row
            at = Position(row.last_line + 1, row.end)
            if at.line >= beyond:
                break
        else:
            return


def one_by_one(file: BinaryIO, start: Position) -> Iterator[Row]:
    """The same, whatever is in the file."""
    lines = _Lines(file, start)
    reader = csv.reader(lines, strict=True)
    while True:
        first, lines.row_start = lines.number + 1, lines.end
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, _Unreadable) as error:
            yield Row(first, lines.number, lines.end, None, str(error))
        else:
            if cells:
                yield Row(first, lines.number, lines.end, cells)


def _plain(file: BinaryIO, at: Position) -> list[Row]:
    """The next rows, empty ones included, where each of the next lines is one; none where any of them is not."""
    file.seek(at.offset)
    lines = list(islice(iter(partial(file.readline, PAYMENT_BYTES_MAX), b""), LINES_AT_ONCE))
    if at.line == 1 or not lines or max(map(len, lines)) == PAYMENT_BYTES_MAX:
        return []
    try:
        found = list(csv.reader(map(bytes.decode, lines), strict=True))
    except (csv.Error, UnicodeDecodeError):
        return []
    if len(found) != len(lines):  # a row takes a line or more: when they are as many, each takes one
        return []
    ends = accumulate(map(len, lines), initial=at.offset)
    next(ends)
    return [Row(line, line, end, cells) for line, (cells, end) in enumerate(zip(found, ends, strict=True), at.line)]
