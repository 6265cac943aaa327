"""The body of POST /payments from rows that nothing is wrong with, without taking them apart first."""

from __future__ import annotations

from collections.abc import Sequence
from json.encoder import encode_basestring
from operator import itemgetter
from typing import Final

import msgspec

from vendorpay.entrypoints.cli.payments_import.csv_header import AMOUNT, METADATA, OF_THE_PAYMENT

DIGITS_MAX: Final = 40
KNOWN_MAX: Final = 10_000
"""How many numbers are remembered to be whole: quantities and prices come again and again."""
Cells = Sequence[str]


class PlainBody:
    """Makes bodies from rows of a file with these columns. What it makes is byte for byte what `csv_body` makes."""

    def __init__(self, columns: Sequence[str]) -> None:
        at = {name: n for n, name in enumerate(columns)}
        of_the_payment = [name for name in OF_THE_PAYMENT if name in at]
        self._same = itemgetter(*(at[name] for name in of_the_payment))
        self._written = [
            (at[name], f'"{name}":', str if name is AMOUNT else encode_basestring)
            for name in of_the_payment
            if name is not METADATA
        ]
        self._amount, self._metadata = at.get(AMOUNT), at.get(METADATA)
        self._known: set[str] = set()
        self._of_the_line = itemgetter(at["description"], at["quantity"], at["unitPriceCents"])

    def body_of(self, rows: Sequence[Cells]) -> bytes | None:
        """The body; None where something is odd about the rows, or wrong."""
        first = rows[0]
        if len(rows) > 1 and any(map(self._same(first).__ne__, map(self._same, rows))):
            return None
        items = self._items(rows)
        if items is None:
            return None
        parts = [start + write(text) for n, start, write in self._written if (text := first[n])]
        amount = "" if self._amount is None else first[self._amount]
        metadata = "" if self._metadata is None else first[self._metadata]
        if (amount and not _is_whole(amount)) or (metadata and not _is_plain_json(metadata)):
            return None
        parts.append(f'"lineItems":[{",".join(items)}]')
        if not amount:
            parts.append(f'"{AMOUNT}":{self._sum(rows)}')
        if metadata:
            parts.append(f'"{METADATA}":{metadata}')
        return f"{{{','.join(parts)}}}".encode()

    def _items(self, rows: Sequence[Cells]) -> list[str] | None:
        """The lines as JSON, None where a cell of theirs is odd."""
        items: list[str] = []
        known = self._known
        for description, quantity, price in map(self._of_the_line, rows):
            if not description:
                return None
            if (quantity not in known or price not in known) and not (self._learn(quantity) and self._learn(price)):
                return None
            items.append(
                f'{{"description":{encode_basestring(description)},"quantity":{quantity},"unitPriceCents":{price}}}'
            )
        return items

    def _learn(self, text: str) -> bool:
        """Whether it is a whole number; remembered if so."""
        if not _is_whole(text):
            return False
        if len(self._known) < KNOWN_MAX:
            self._known.add(text)
        return True

    def _sum(self, rows: Sequence[Cells]) -> int:
        return sum(int(quantity) * int(price) for _, quantity, price in map(self._of_the_line, rows))


def _is_whole(text: str) -> bool:
    return text.isdigit() and text.isascii() and (text[0] != "0" or len(text) == 1) and len(text) <= DIGITS_MAX


def _is_plain_json(text: str) -> bool:
    """Whether it is JSON in one line."""
    if "\n" in text or "\r" in text:
        return False
    try:
        msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return False
    return True
