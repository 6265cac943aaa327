"""What a file of payments is read as: one record for each payment, with where in the file it stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

PAYMENT_BYTES_MAX: Final = 256 * 1024
"""What the service takes for one payment, and so the longest line."""


# Structs, for they are made at a tenth of what a frozen dataclass costs; and there is one for each payment.
class Fault(msgspec.Struct, frozen=True):
    """What is wrong with a value: named as the API names it, and in a table with its line."""

    field: str
    message: str
    line: int | None = None


class Position(msgspec.Struct, frozen=True, gc=False):
    """Where reading goes on: the number of the next line and its place in the file."""

    line: int = 1
    offset: int = 0
    spoiled: bool = False
    """Whether the row before could not be read, so that the payment that follows may lack a line."""


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One payment of the file: the JSON to send, or why the file itself is wrong about it."""

    first_line: int
    last_line: int
    after: Position
    body: bytes | None = None
    faults: tuple[Fault, ...] = ()
    name: str = ""
    """What the file calls the payment, to tell which rows are of one."""
    item_lines: tuple[int, ...] = ()
    """The line of each line item, in a table."""


Records = Iterator[Record]
