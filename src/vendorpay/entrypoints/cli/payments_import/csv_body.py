"""From the rows of one payment to the body of POST /payments, or to everything that is wrong with them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from vendorpay.domain import new_payment, parsing
from vendorpay.domain.new_payment import NewPayment
from vendorpay.entrypoints.cli.payments_import.csv_header import (
    AMOUNT,
    METADATA,
    OF_THE_LINE,
    OF_THE_PAYMENT,
    WHOLE,
    WHOLE_OF_THE_LINE,
)
from vendorpay.entrypoints.cli.payments_import.records import Fault

LineOfFile = tuple[int, dict[str, str]]
"""A row's number and its cells."""

SHOWN_MAX: Final = 60
_WHOLE: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,39})\Z", re.ASCII)
_ITEM: Final = re.compile(r"lineItems\[([0-9]+)\]")


def body_of(rows: Sequence[LineOfFile]) -> tuple[bytes, list[Fault]]:
    """The body and no fault; or faults, then also those that the service would find."""
    fields, faults = _fields_of_the_payment(rows)
    items: list[dict[str, Any]] = []
    for n, (line, cells) in enumerate(rows):
        items.append(_values({name: cells.get(name, "") for name in OF_THE_LINE}))
        faults += _not_whole(items[-1], WHOLE_OF_THE_LINE, f"lineItems[{n}].", line)
    fields["lineItems"] = items
    if AMOUNT not in fields:
        fields |= _sum(items)
    else:
        faults += _not_whole(fields, (AMOUNT,), "", rows[0][0])
    metadata = fields.pop(METADATA, None)
    if metadata is not None and (words := _not_json(metadata)):
        faults.append(Fault(METADATA, words, rows[0][0]))
    if faults:
        return b"", [*faults, *_of_the_service(fields, faults, rows)]
    body = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    if metadata is not None:
        # As it is in the file: read and written again, 1e3 would become 1000.0, and a key that comes twice once.
        body = f'{body[:-1]},"{METADATA}":{_in_one_line(metadata)}}}'
    return body.encode(), []


def lines_of(faults: Sequence[Fault], item_lines: Sequence[int]) -> list[Fault]:
    """The service's faults with the lines of the items they are about."""
    found: list[Fault] = []
    for fault in faults:
        item = _ITEM.match(fault.field)
        n = int(item[1]) if item else len(item_lines)
        found.append(Fault(fault.field, fault.message, item_lines[n]) if n < len(item_lines) else fault)
    return found


def _fields_of_the_payment(rows: Sequence[LineOfFile]) -> tuple[dict[str, Any], list[Fault]]:
    """What the rows have in common; a blank cell says nothing."""
    found: dict[str, tuple[int, str]] = {}
    faults: list[Fault] = []
    for line, cells in rows:
        for name in OF_THE_PAYMENT:
            if not (text := cells.get(name, "")):
                continue
            first, known = found.setdefault(name, (line, text))
            if known != text:
                words = f"is {_shown(text)} in line {line}, but {_shown(known)} in line {first}"
                faults.append(Fault(name, words, line))
    return _values({name: text for name, (_, text) in found.items()}), faults


def _values(cells: dict[str, str]) -> dict[str, Any]:
    """What is not blank; whole numbers as numbers, everything else as it is written."""
    return {name: int(text) if name in WHOLE and _WHOLE.match(text) else text for name, text in cells.items() if text}


def _not_whole(values: dict[str, Any], names: Sequence[str], prefix: str, line: int) -> Iterator[Fault]:
    for name in names:
        if name not in values:
            yield Fault(f"{prefix}{name}", "is required", line)
        elif isinstance(text := values[name], str):
            yield Fault(f"{prefix}{name}", f"must be a whole number like 1250, not {_shown(text)}", line)


def _sum(items: Sequence[dict[str, Any]]) -> dict[str, int]:
    """The amount, where the lines tell it."""
    pairs = [(item.get("quantity"), item.get("unitPriceCents")) for item in items]
    whole = [one * other for one, other in pairs if isinstance(one, int) and isinstance(other, int)]
    return {AMOUNT: sum(whole)} if len(whole) == len(pairs) else {}


def _not_json(text: str) -> str:
    try:
        msgspec.json.decode(text.encode())
    except (ValueError, RecursionError) as error:
        return f"is not JSON: {error}"
    return ""


def _in_one_line(text: str) -> str:
    # JSON has line breaks between its parts only: inside a string they are written \n.
    return text.replace("\r", " ").replace("\n", " ")


def _of_the_service(fields: dict[str, Any], known: Sequence[Fault], rows: Sequence[LineOfFile]) -> list[Fault]:
    """What the service would find besides: whoever mends the file wants to know all of it."""
    _, faults = parsing.convert(fields, NewPayment, new_payment.check)
    # A blank amount is the sum of the lines, where they have one.
    named = {fault.field for fault in known} | ({AMOUNT} - fields.keys())
    others = [Fault(fault.field, fault.message) for fault in faults if fault.field not in named]
    return lines_of(others, [line for line, _ in rows])


def _shown(text: str) -> str:
    return repr(text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}..")
