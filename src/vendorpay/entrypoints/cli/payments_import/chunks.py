"""Payments put together for one request. The same file gives the same chunks, so that each can be sent again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from vendorpay.entrypoints.cli.payments_import.records import Fault, Position, Record, Records

ITEMS_MAX: Final = 10_000
ITEMS_USUAL: Final = 1_000
BYTES_MAX: Final = 8 * 1024 * 1024
"""Half of what the service takes at once."""


@dataclass(frozen=True)
class Chunk:
    """Records that go together, never none."""

    records: Sequence[Record]

    @property
    def first_line(self) -> int:
        return self.records[0].first_line

    @property
    def after(self) -> Position:
        return self.records[-1].after

    @property
    def count(self) -> int:
        """How many the service is asked about."""
        return sum(record.body is not None for record in self.records)

    @property
    def body(self) -> bytes:
        """As NDJSON."""
        return b"\n".join(record.body for record in self.records if record.body is not None)


class Lines(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk whose records are so many lines, one after the other: they are told apart only when that is wanted."""

    first_line: int
    after: Position
    body: bytes
    count: int

    @property
    def records(self) -> list[Record]:
        """One a line; how far reading has come is known for the last of them alone, and the same for all."""
        return [
            Record(first_line=number, last_line=number, after=self.after, body=line)
            for number, line in enumerate(self.body.split(b"\n"), start=self.first_line)
        ]


AnyChunk = Chunk | Lines


def chunks(records: Records, items_max: int) -> Iterator[Chunk]:
    """The chunks of a file from a position on that is the end of one."""
    held: list[Record] = []
    size = 0
    for record in records:
        more = len(record.body) + 1 if record.body is not None else 0
        if held and (len(held) == items_max or size + more > BYTES_MAX):
            yield Chunk(_without_scattered(held))
            held, size = [], 0
        held.append(record)
        size += more
    if held:
        yield Chunk(_without_scattered(held))


def _without_scattered(held: Sequence[Record]) -> list[Record]:
    """A payment whose rows are not together would be paid with a part of its lines, the rest taken for a duplicate.

    What stands further apart than a chunk is not found: for that every name of the file would have to be kept.
    """
    times = Counter(record.name for record in held if record.name)
    return [_scattered(record) if times[record.name] > 1 else record for record in held]


def _scattered(record: Record) -> Record:
    words = f"the rows of payment {record.name[:100]!r} are not together: put them one below the other"
    return msgspec.structs.replace(
        record, body=None, faults=(*record.faults, Fault("payment", words, record.first_line))
    )
