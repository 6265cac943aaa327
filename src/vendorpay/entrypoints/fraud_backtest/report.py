"""What a backtest comes to."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from vendorpay.domain.fraud.finding import FraudStatus
from vendorpay.entrypoints.fraud_backtest.labels import Labels
from vendorpay.entrypoints.fraud_backtest.replay import Scored

DIGITS = 4


class Pattern(msgspec.Struct):
    """One kind of fraud."""

    planted: int = 0
    flagged: int = 0


class Report(msgspec.Struct):
    """The figures, as they are printed (docs/fraud.md)."""

    precision: float
    recall: float
    flagged: int
    scored: int
    patterns: dict[str, Pattern]


class Tally:
    """Counts what was scored."""

    def __init__(self, labels: Labels) -> None:
        self._labels = labels
        self.scored = self.flagged = self.right = self.planted = 0
        self.patterns: dict[str, Pattern] = {}
        self.reasons: dict[str, list[int]] = {}
        self.bands: dict[int, list[int]] = {}
        """By tenths of the score: how many, and how many of them are false."""

    def take(self, scored: Scored) -> bool:
        """Counts one; returns whether its label and its verdict differ."""
        name = self._labels.patterns.get(scored.event_id)
        is_flagged = scored.assessment.status is FraudStatus.FLAGGED
        self.scored += 1
        self.flagged += is_flagged
        band = self.bands.setdefault(min(9, int(scored.assessment.score * 10)), [0, 0])
        band[0] += 1
        if name is not None:
            pattern = self.patterns.setdefault(name, Pattern())
            pattern.planted += 1
            pattern.flagged += is_flagged
            self.planted += 1
            self.right += is_flagged
            band[1] += 1
        if is_flagged:
            code = scored.assessment.findings[0].code
            self.reasons.setdefault(code, [0, 0])[name is None] += 1
        return is_flagged != (name is not None)

    def report(self) -> Report:
        """The figures. Where nothing was flagged nothing was wrongly; where nothing was planted none missed."""
        return Report(
            precision=round(self.right / self.flagged, DIGITS) if self.flagged else 1.0,
            recall=round(self.right / self.planted, DIGITS) if self.planted else 1.0,
            flagged=self.flagged,
            scored=self.scored,
            patterns=dict(sorted(self.patterns.items())),
        )


def total(scored: Iterable[Scored], labels: Labels) -> Tally:
    """The tally of all of them."""
    tally = Tally(labels)
    for each in scored:
        tally.take(each)
    return tally
