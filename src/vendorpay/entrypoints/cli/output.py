"""What commands print: JSON for programs, tables for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime


def as_json(value: object) -> None:
    """One line of JSON on stdout."""
    print(json.dumps(value, ensure_ascii=False, separators=(",", ":")), flush=True)


def as_written(value: bytes) -> None:
    """One line of JSON on stdout, as the service wrote it."""
    print(value.decode(), flush=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """A table on stdout. What the cells hold is text, never markup; nothing is cut off where stdout is no terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        drawn.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(printable(cell)) for cell in row))
    wide = None if sys.stdout.isatty() else 240
    Console(width=wide).print(drawn)


def amount(cents: int, currency: str) -> str:
    """Minor units as people write them: 12345 USD is 123.45 USD, and 12345 JPY is 12345 JPY."""
    from vendorpay.domain.money import Money

    try:
        return str(Money(cents, currency))
    except (ValueError, TypeError):
        return f"{cents} {currency}"


def text(value: object) -> str:
    """A value for people; empty where there is none."""
    return "" if value is None else moment(value) if isinstance(value, datetime) else str(value)


def moment(at: datetime) -> str:
    """A moment as the service writes it."""
    return at.isoformat().replace("+00:00", "Z")


def printable(text: str) -> str:
    """The text without what would steer the terminal."""
    return "".join(character if character.isprintable() else "�" for character in text)
