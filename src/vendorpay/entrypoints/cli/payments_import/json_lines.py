"""A file with one payment a line, each as POST /payments takes it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import BinaryIO, Final

from vendorpay.entrypoints.cli import file_lines
from vendorpay.entrypoints.cli.payments_import import chunks as cutting
from vendorpay.entrypoints.cli.payments_import.chunks import AnyChunk, Lines
from vendorpay.entrypoints.cli.payments_import.records import PAYMENT_BYTES_MAX, Fault, Position, Record, Records

BOM: Final = b"\xef\xbb\xbf"
LINES_AT_ONCE: Final = 64
"""How many lines are read before their size is looked at: what a chunk may hold is not to be read twice over."""


def chunks(file: BinaryIO, start: Position, items_max: int) -> Iterator[AnyChunk]:
    """The chunks from a position on that is the end of one; the same as those of `records`, and most of them quicker:
    the lines of a file without oddities are passed on as they stand, and not looked at one by one."""
    at = start
    while True:
        chunk = _plain(file, at, items_max) or next(cutting.chunks(records(file, at), items_max), None)
        if chunk is None:
            return
        yield chunk
        at = chunk.after


def records(file: BinaryIO, start: Position) -> Records:
    """The payments from a position on; blank lines count for nothing. What is no JSON is the service's to refuse."""
    file.seek(start.offset)
    for number, raw, end in file_lines.lines(file, PAYMENT_BYTES_MAX, number=start.line - 1, end=start.offset):
        after = Position(number + 1, end)
        if raw is None:
            fault = Fault("$", f"is longer than {PAYMENT_BYTES_MAX} bytes")
            yield Record(first_line=number, last_line=number, after=after, faults=(fault,))
            continue
        if number == 1:
            raw = raw.removeprefix(BOM)
        if body := raw.strip(b" \t\r\n"):
            yield Record(first_line=number, last_line=number, after=after, body=body)


def _plain(file: BinaryIO, at: Position, items_max: int) -> Lines | None:
    """The next chunk, where each of its lines is one payment that can be sent; else None, as at the end."""
    lines = _read(file, at, items_max)
    bodies = [line.strip(b" \t\r\n") for line in lines]
    if not bodies or not all(bodies) or max(map(len, lines)) > PAYMENT_BYTES_MAX:
        return None
    body = b"\n".join(bodies)
    if len(body) + 1 > cutting.BYTES_MAX or (at.line == 1 and body.startswith(BOM)):
        return None
    after = Position(at.line + len(lines), at.offset + sum(map(len, lines)))
    return Lines(first_line=at.line, after=after, body=body, count=len(lines))


def _read(file: BinaryIO, at: Position, items_max: int) -> list[bytes]:
    """So many lines, or fewer when they are more bytes than go together."""
    file.seek(at.offset)
    found: list[bytes] = []
    size = 0
    following = iter(partial(file.readline, PAYMENT_BYTES_MAX + 2), b"")
    while len(found) < items_max and size <= cutting.BYTES_MAX:
        more = list(islice(following, min(LINES_AT_ONCE, items_max - len(found))))
        if not more:
            break
        found += more
        size += sum(map(len, more))
    return found
