"""Running a backtest from files, and saying what came of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from vendorpay.domain.fraud.rule_set import RuleSet
from vendorpay.entrypoints.cli import file_lines
from vendorpay.entrypoints.cli.output import printable, table
from vendorpay.entrypoints.fraud_backtest import labels as label_files
from vendorpay.entrypoints.fraud_backtest import replay, sharing
from vendorpay.entrypoints.fraud_backtest.report import Tally, total

LINE_BYTES_MAX: Final = 1024 * 1024
BAD_SHOWN_MAX: Final = 20


def run(events: Path, labels: Path, rule_set: RuleSet) -> Tally:
    """The tally of a file of events under its labels. Raises OSError."""
    known = label_files.read(labels)
    with events.open("rb") as file:
        found = replay.read((number, raw) for number, raw, _ in file_lines.lines(file, LINE_BYTES_MAX))
    _complain(events, found.bad)
    _complain(labels, known.bad)
    if found.repeated:
        print(f"{events}: {found.repeated} events came again under the same id and were scored once.", file=sys.stderr)
    return total(sharing.scored(found.events, rule_set), known)


def figures(tally: Tally) -> dict[str, Any]:
    """The figures for programs."""
    return dict(msgspec.to_builtins(tally.report()))


def show(tally: Tally) -> None:
    """The figures for people."""
    report = tally.report()
    print(f"scored {report.scored}, flagged {report.flagged}, precision {report.precision}, recall {report.recall}")
    rows = [(name, str(each.planted), str(each.flagged)) for name, each in report.patterns.items()]
    table(("pattern", "planted", "flagged"), rows, right=("planted", "flagged"))
    bands = [
        (f"{band / 10:.1f}", str(seen), str(false), f"{false / seen:.3f}")
        for band, (seen, false) in sorted(tally.bands.items())
    ]
    table(("score from", "payments", "frauds", "share"), bands, right=("payments", "frauds", "share"))
    reasons = [(code, str(right), str(wrong)) for code, (right, wrong) in sorted(tally.reasons.items())]
    table(("weightiest reason", "rightly flagged", "wrongly"), reasons, right=("rightly flagged", "wrongly"))


def _complain(path: Path, bad: list[tuple[int, str]]) -> None:
    for number, reason in bad[:BAD_SHOWN_MAX]:
        print(f"{path}:{number}: {printable(reason)}", file=sys.stderr)
    if bad:
        print(f"{path}: {len(bad)} lines could not be used.", file=sys.stderr)
