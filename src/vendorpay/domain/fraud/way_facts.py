"""Whether the work took as long as the way that is billed: who drives far is away for long."""

from __future__ import annotations

from math import log, sqrt
from typing import Final, NamedTuple

import msgspec

from vendorpay.domain.fraud.spread import at
from vendorpay.domain.fraud.view import View

ROWS_MIN: Final = 20
KEPT: Final = 0.98
"""Which share of the mileages the line is drawn through: one inflated one would turn it."""
TOGETHER_MIN: Final = 0.3
"""How close the two must go together before a duration speaks for or against a mileage (correlation)."""
DECADES_MAX: Final = 3.0
SIGMA_MIN: Final = 3.0
"""In minutes: nobody bills by the second."""


class WayFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The duration beside the one that the vendor's comparable rows lead to expect for such a mileage (a straight line
    by least squares, with the error of its prediction)."""

    expected_min: int
    """How long it takes to go as far as is billed, and do the work."""
    usual_min: int
    """How long the work takes with a way of the usual length."""
    decades: float
    """How much likelier the duration is, in powers of ten, if the way was as ever than if it was as far as is billed
    (two normal distributions); below 0 = somebody was away for as long as it takes, at most DECADES_MAX either way."""
    correlation: float
    """How close duration and mileage go together in these rows, 0..1."""
    rows: int


def way_facts(view: View) -> WayFacts | None:
    """The facts; None when mileage or duration are unknown, too few rows tell of both, or one says nothing of the
    other."""
    row = view.row
    if not row.mileage_cents or row.duration_min is None:
        return None
    points = [
        (each.mileage_cents, each.duration_min)
        for each in view.settled(view.comparable)
        if each.mileage_cents and each.duration_min is not None
    ]
    if len(points) < ROWS_MIN:
        return None
    furthest = at(sorted([mileage for mileage, _ in points]), KEPT)
    line = _line([point for point in points if point[0] <= furthest])
    if line is None or line.correlation < TOGETHER_MIN:
        return None
    expected, sigma = line.at(row.mileage_cents)
    behind, beyond = (expected - row.duration_min) / sigma, (line.mean_y - row.duration_min) / sigma
    decades = (behind * abs(behind) - beyond * beyond) / (2 * log(10))
    return WayFacts(
        expected_min=round(expected),
        usual_min=round(line.mean_y),
        decades=round(min(DECADES_MAX, max(-DECADES_MAX, decades)), 6),
        correlation=round(line.correlation, 6),
        rows=line.rows,
    )


class _Line(NamedTuple):
    rows: int
    mean_x: float
    mean_y: float
    slope: float
    spread_x: float
    sigma: float
    correlation: float

    def at(self, x: float) -> tuple[float, float]:
        """The expected value, and the standard deviation of one value from it."""
        apart = x - self.mean_x
        sigma = self.sigma * sqrt(1 + 1 / self.rows + apart * apart / self.spread_x)
        return self.mean_y + self.slope * apart, max(SIGMA_MIN, sigma)


def _line(points: list[tuple[int, int]]) -> _Line | None:
    count = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    spread_x = sum((x - mean_x) ** 2 for x, _ in points)
    spread_y = sum((y - mean_y) ** 2 for _, y in points)
    both = sum((x - mean_x) * (y - mean_y) for x, y in points)
    if spread_x <= 0 or spread_y <= 0:
        return None
    slope = both / spread_x
    rest = max(0.0, spread_y - slope * both)
    return _Line(count, mean_x, mean_y, slope, spread_x, sqrt(rest / (count - 2)), both / sqrt(spread_x * spread_y))
