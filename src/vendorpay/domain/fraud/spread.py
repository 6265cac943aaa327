"""Where values lie, by order statistics, so that a few wild ones among them move nothing."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import ceil, exp, log
from typing import Final

import msgspec

LOG_MAD_TO_SIGMA: Final = 1.4826
"""A normal distribution's standard deviation, in median absolute deviations."""
LOG_SIGMA_MIN: Final = 0.08
"""Prices of a fixed list have no spread; a few per cent more than ever before are then still no news."""
LOW: Final = 0.05
HIGH: Final = 0.98


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Values of one kind: how many, and the smallest of them that at least a share of them does not exceed."""

    count: int
    low: int
    """At 5 %."""
    median: int
    high: int
    """At 98 %; with few values the largest."""
    most: int
    log_mad: float
    """The median of how far the values' natural logarithms lie from the median's (values below 1 count as 1)."""

    def deviations(self, value: int) -> float:
        """How many robust standard deviations the value's logarithm lies above the median's."""
        sigma = max(LOG_SIGMA_MIN, LOG_MAD_TO_SIGMA * self.log_mad)
        return log(max(value, 1) / max(self.median, 1)) / sigma

    def times_median(self, value: int) -> float:
        """How many times the median the value is."""
        return value / max(self.median, 1)


def spread_of(ordered: Sequence[int]) -> Spread | None:
    """The spread of sorted values; None of none."""
    if not ordered:
        return None
    median = at(ordered, 0.5)
    return Spread(
        count=len(ordered),
        low=at(ordered, LOW),
        median=median,
        high=at(ordered, HIGH),
        most=ordered[-1],
        log_mad=round(_log_mad(ordered, max(median, 1)), 6),
    )


def at(ordered: Sequence[int], share: float) -> int:
    """The smallest value that at least this share of the values does not exceed (SQL's percentile_disc)."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def share_up_to(ordered: Sequence[int], value: int) -> float:
    """The share of values up to this one, counting one that was not seen: never 0, and 1 of none."""
    return (bisect_right(ordered, value) + 1) / (len(ordered) + 1)


def share_from(ordered: Sequence[int], value: int) -> float:
    """The share of values from this one on, counting one that was not seen: never 0, and 1 of none."""
    return (len(ordered) - bisect_left(ordered, value) + 1) / (len(ordered) + 1)


def share_between(ordered: Sequence[int], least: int, most: int) -> float:
    """The share of values from `least` to `most`, counting one that was not seen."""
    return (bisect_right(ordered, most) - bisect_left(ordered, least) + 1) / (len(ordered) + 1)


def _log_mad(ordered: Sequence[int], median: int) -> float:
    """The middle one of two sorted sequences, the ratios below and above the median, without making either."""
    split = bisect_left(ordered, median)
    rank = ceil(0.5 * len(ordered))  # counted from 1 in the sequences laid together
    below, above = split, len(ordered) - split
    # `taken` of the ratios below the median, the nearest first, are among the `rank` smallest.
    fewest, most = max(0, rank - above), min(rank, below)
    while fewest < most:
        taken = (fewest + most) // 2
        if median / max(ordered[split - 1 - taken], 1) < max(ordered[split + rank - taken - 1], 1) / median:
            fewest = taken + 1
        else:
            most = taken
    of_below = log(median / max(ordered[split - fewest], 1)) if fewest else 0.0
    of_above = log(max(ordered[split + rank - fewest - 1], 1) / median) if rank > fewest else 0.0
    return max(of_below, of_above)


def chance_above(ordered: Sequence[int], spread: Spread, value: int) -> float:
    """The chance of a value like this or larger. Among what was seen: its share. Beyond: it falls by half a decade or
    so with each robust standard deviation, much slower than a normal distribution's, for prices have heavy tails.
    """
    if value <= spread.most:
        return share_from(ordered, value)
    return _beyond(spread, log(value / max(spread.most, 1)))


def chance_below(ordered: Sequence[int], spread: Spread, value: int) -> float:
    """The chance of a value like this or smaller, likewise."""
    if value >= ordered[0]:
        return share_up_to(ordered, value)
    return _beyond(spread, log(max(ordered[0], 1) / max(value, 1)))


TAIL_PER_SIGMA: Final = 2.0


def _beyond(spread: Spread, log_distance: float) -> float:
    sigma = max(LOG_SIGMA_MIN, LOG_MAD_TO_SIGMA * spread.log_mad)
    return exp(-TAIL_PER_SIGMA * max(0.0, log_distance) / sigma) / (spread.count + 1)
