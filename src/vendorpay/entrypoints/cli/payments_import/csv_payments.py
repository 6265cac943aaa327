"""From rows of a CSV file to payments: consecutive rows that name the same payment are its line items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO, Final

from vendorpay.domain.new_payment import LINES_MAX
from vendorpay.entrypoints.cli.payments_import.csv_body import body_of
from vendorpay.entrypoints.cli.payments_import.csv_header import NAME
from vendorpay.entrypoints.cli.payments_import.csv_plain_body import PlainBody
from vendorpay.entrypoints.cli.payments_import.csv_rows import Row, rows
from vendorpay.entrypoints.cli.payments_import.records import Fault, Position, Record, Records

FAULTS_MAX: Final = 50
"""How many faults of one payment are kept: its rows may be the whole file."""
_AFTER_A_SPOILED: Final = "the row before cannot be read, and may be one of this payment's"


def records(file: BinaryIO, columns: Sequence[str], start: Position) -> Records:
    """The payments from a position on; rows without any value count for nothing.

    A row that cannot be read may be of the payment before it or of the one after it: neither is then sent without
    what may be one of its lines. (A payment of one row, without a name, is whole for sure.)
    """
    group: _Group | None = None
    spoiled = start.spoiled
    making = _Making(columns)
    name_at, count = making.name_at, len(columns)
    for row in rows(file, start):
        cells = row.cells if row.cells is not None and len(row.cells) == count else None
        if cells is not None and not any(cells):
            continue
        name = "" if cells is None or name_at is None else cells[name_at]
        goes_on = group is not None and group.name and (cells is None or name == group.name)
        if group is not None and not goes_on:
            yield group.record()
            spoiled, group = group.spoiled, None
        if group is None:
            group = _Group(making, name, row, spoiled=spoiled and bool(name))
        group.add(row, cells, "" if cells is not None else _reason(row, count))
    if group is not None:
        yield group.record()


def _reason(row: Row, count: int) -> str:
    if row.cells is not None:
        return f"it has {len(row.cells)} columns, and the header {count}"
    return row.reason


class _Making:
    """What makes bodies of the rows of a file: the plain way, and where that does not do, the thorough one."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._plain = PlainBody(columns)
        self.name_at = columns.index(NAME) if NAME in columns else None

    def body_of(self, lines: Sequence[int], rows: Sequence[list[str]]) -> tuple[bytes, list[Fault]]:
        if (body := self._plain.body_of(rows)) is not None:
            return body, []
        named = (dict(zip(self._columns, row, strict=True)) for row in rows)
        return body_of(list(zip(lines, named, strict=True)))


class _Group:
    """The rows of one payment as they come; when they are too many for one, they are only counted."""

    __slots__ = ("_count", "_faults", "_first_line", "_last", "_lines", "_making", "_rows", "name", "spoiled")

    def __init__(self, making: _Making, name: str, first: Row, *, spoiled: bool) -> None:
        self._making = making
        self.name = name
        self.spoiled = False
        """Whether its newest row could not be read."""
        self._first_line = first.first_line
        self._last = first
        self._lines: list[int] = []
        self._rows: list[list[str]] = []
        self._faults = [Fault("$", _AFTER_A_SPOILED, first.first_line)] if spoiled else []
        self._count = 0

    def add(self, row: Row, cells: list[str] | None, reason: str) -> None:
        """Takes its next row; `cells` is None when that cannot be read, for that reason."""
        self._last, self.spoiled = row, cells is None
        self._count += 1
        if cells is None:
            self._fault(Fault("$", f"the row cannot be read: {reason}", row.first_line))
        elif len(self._rows) < LINES_MAX:
            self._lines.append(row.first_line)
            self._rows.append(cells)

    def record(self) -> Record:
        """The payment, or its faults."""
        body: bytes | None = None
        if self._count > LINES_MAX:
            self._fault(
                Fault("lineItems", f"are {self._count} rows, more than the {LINES_MAX} that a payment may have")
            )
        elif self._rows:
            body, faults = self._making.body_of(self._lines, self._rows)
            for fault in faults:
                self._fault(fault)
        return Record(
            first_line=self._first_line,
            last_line=self._last.last_line,
            after=Position(self._last.last_line + 1, self._last.end, self.spoiled),
            body=None if self._faults else body,
            faults=tuple(self._faults),
            name=self.name,
            item_lines=tuple(self._lines),
        )

    def _fault(self, fault: Fault) -> None:
        if len(self._faults) < FAULTS_MAX:
            self._faults.append(fault)
