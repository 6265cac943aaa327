"""A file with one payment a line, each as POST /payments takes it."""

from __future__ import annotations

from typing import BinaryIO, Final

from vendorpay.entrypoints.cli import file_lines
from vendorpay.entrypoints.cli.payments_import.records import PAYMENT_BYTES_MAX, Fault, Position, Record, Records

BOM: Final = b"\xef\xbb\xbf"


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
