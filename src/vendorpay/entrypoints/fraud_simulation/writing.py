"""A simulated history as the two files that `vendorpay fraud backtest` reads."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import msgspec

from vendorpay.entrypoints.fraud_simulation.history import Labelled


def write(history: Iterable[Labelled], events: Path, labels: Path) -> None:
    """Writes events and labels, in the same order. Raises OSError."""
    with events.open("wb") as lines, labels.open("w", encoding="utf-8", newline="") as cells:
        rows = csv.writer(cells, lineterminator="\n")
        rows.writerow(("eventId", "label", "pattern"))
        for each in history:
            lines.write(msgspec.json.encode(each.event) + b"\n")
            rows.writerow((each.event["id"], 1 if each.pattern else 0, each.pattern))
