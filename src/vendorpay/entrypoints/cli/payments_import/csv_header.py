"""The columns of a CSV file of payments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO, Final

from vendorpay.entrypoints.cli.payments_import.csv_rows import rows
from vendorpay.entrypoints.cli.payments_import.records import Position

NAME: Final = "payment"
AMOUNT: Final = "amountCents"
METADATA: Final = "metadata"
OF_THE_PAYMENT: Final = ("incidentId", "vendorId", "payerType", "payerId", AMOUNT, "currency", "reference", METADATA)
"""The same in all rows of one payment, or blank."""
OF_THE_LINE: Final = ("description", "quantity", "unitPriceCents")
WHOLE_OF_THE_LINE: Final = ("quantity", "unitPriceCents")
WHOLE: Final = (AMOUNT, *WHOLE_OF_THE_LINE)
REQUIRED: Final = ("incidentId", "vendorId", "payerType", *OF_THE_LINE)
COLUMNS: Final = (NAME, *OF_THE_PAYMENT, *OF_THE_LINE)


def read(file: BinaryIO, name: str = "The file") -> tuple[tuple[str, ...], Position]:
    """The columns in the file's order, and where its payments begin.

    Raises ValueError with a sentence a line about the file of this name.
    """
    header = next(rows(file, Position()), None)
    if header is None:
        raise ValueError(f"{name} is empty: its first row must name the columns.")
    if header.cells is None:
        raise ValueError(f"{name} has no header: its first row cannot be read: {header.reason}.")
    if faults := _faults(header.cells, name):
        raise ValueError("\n".join(faults))
    return tuple(header.cells), Position(header.last_line + 1, header.end)


def _faults(cells: Sequence[str], file: str) -> list[str]:
    unknown = [name for name in dict.fromkeys(cells) if name not in COLUMNS]
    twice = [name for name in dict.fromkeys(cells) if cells.count(name) > 1]
    missing = [name for name in REQUIRED if name not in cells]
    faults = [f"{file} has a column {name[:100]!r}, which is not known." for name in unknown]
    faults += [f"{file} has the column {name[:100]!r} twice." for name in twice]
    faults += [f"{file} has no column {name!r}." for name in missing]
    if len(cells) == 1 and len(missing) == len(REQUIRED):
        faults.append("Its columns must be separated by commas.")
    if unknown:
        faults.append(f"The columns are: {', '.join(COLUMNS)}.")
    return faults
