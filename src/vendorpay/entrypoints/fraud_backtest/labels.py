"""Labels: which events are false, and by which pattern (`eventId,label,pattern`; label 0 or 1)."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

LABELS_MAX: Final = 10_000_000
FALSE: Final = frozenset({"1", "1.0", "true", "fraud"})
HONEST: Final = frozenset({"0", "0.0", "false", "legit", "honest", ""})
UNNAMED: Final = "unnamed"


class Labels(msgspec.Struct):
    """What is known of the events. One that is not named is honest."""

    patterns: dict[str, str]
    """The pattern of each event that is false."""
    bad: list[tuple[int, str]]
    """Lines that are no labels, with the reason."""


def read(path: Path) -> Labels:
    """The labels of a file, with or without its heading. What is no UTF-8 is read as signs that stand for nothing: it
    spoils its own line at most. Raises OSError."""
    labels = Labels({}, [])
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        for number, cells in enumerate(_rows(labels, file), start=1):
            if number > LABELS_MAX:
                labels.bad.append((number, f"there are more than {LABELS_MAX} lines"))
                break
            if not cells or (number == 1 and cells[0].strip().casefold() == "eventid"):
                continue
            _take(labels, number, [cell.strip() for cell in cells])
    return labels


def _rows(labels: Labels, file: Iterable[str]) -> Iterator[list[str]]:
    """The cells of each line; none of a line that is no CSV."""
    rows = csv.reader(file)
    while True:
        try:
            cells = next(rows, None)
        except csv.Error as error:
            labels.bad.append((rows.line_num, f"the line is no CSV: {error}"))
            cells = []
        if cells is None:
            return
        yield cells


def _take(labels: Labels, number: int, cells: list[str]) -> None:
    event_id, label, *rest = [*cells, ""] if len(cells) == 1 else cells
    if label.casefold() in FALSE:
        labels.patterns[event_id] = rest[0] if rest and rest[0] else UNNAMED
    elif label.casefold() not in HONEST:
        labels.bad.append((number, f"label {label[:40]!r} is neither 0 nor 1"))
