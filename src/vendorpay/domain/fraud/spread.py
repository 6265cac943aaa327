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
    """The largest that is not wild."""
    log_mad: float
    """The median of how far the values' natural logarithms lie from the median's (values below 1 count as 1)."""
    log_up: float
    """How far the logarithm of the value at 84 % lies above the median's: a standard deviation, were it normal."""
    log_down: float
    """How far that at 16 % lies below."""
    fall_up: float
    """How fast the values above the median come to an end: for each power of e by which fewer of them are larger, how
    much larger in logarithms they are, read off between TAIL_FROM and the last that is taken as a measure."""
    fall_down: float
    """The same of the values below it."""

    def sigma_up(self) -> float:
        """A robust standard deviation of the logarithms, for values above the median: the larger of two measures, for
        prices are skewed and made of several kinds."""
        return max(LOG_SIGMA_MIN, LOG_MAD_TO_SIGMA * self.log_mad, self.log_up)

    def sigma_down(self) -> float:
        """The same for values below it."""
        return max(LOG_SIGMA_MIN, LOG_MAD_TO_SIGMA * self.log_mad, self.log_down)

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
        most=ordered[_tame(ordered) - 1],
        log_mad=round(_log_mad(ordered, max(median, 1)), 6),
        log_up=round(log(max(at(ordered, 0.84), 1) / max(median, 1)), 6),
        log_down=round(log(max(median, 1) / max(at(ordered, 0.16), 1)), 6),
        fall_up=round(_fall(ordered, at(ordered, 1 - TAIL_FROM), _last(ordered)), 6),
        fall_down=round(_fall(ordered, ordered[int(SPOILT * len(ordered))], at(ordered, TAIL_FROM)), 6),
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


TAIL_PER_SIGMA: Final = 2.0
"""How fast the chance falls beyond what was seen: by e ** 2 with each robust standard deviation, slower than a normal
distribution's, for prices have heavy tails."""
SPOILT: Final = 0.012
"""Which share of a history may itself be false: the outermost values up to it are not taken as a measure."""


TAIL_FROM: Final = 0.15
"""Where the tail begins that tells how fast the chance falls (the outermost share of the values)."""
FALL_SIGMAS_MIN: Final = 1 / 6
"""However abruptly values end, beyond them the chance does not fall faster than by e ** 6 with each deviation."""
FALL_ROWS: Final = 40
"""How many values weigh as much as what is expected of any tail (TAIL_PER_SIGMA)."""


WILD_TIMES: Final = 20
"""What is above so many times TAIL_FROM's value is a slip of the keyboard, or a lie: no measure of what is usual, and
not seen before because somebody else billed forty million."""
WILD_MAX: Final = 2
"""How many may be taken for that; a third one is a kind of its own."""
WILD_ROWS_MIN: Final = 10
"""Where there are fewer values nothing tells which of them is wild, and up to twice as many one of them at most is."""


def _tame(ordered: Sequence[int]) -> int:
    """How many values there are, without the wild ones at the upper end."""
    count = len(ordered)
    if count < WILD_ROWS_MIN:
        return count
    limit = WILD_TIMES * max(at(ordered, 1 - TAIL_FROM), 1)
    most = WILD_MAX if count >= 2 * WILD_ROWS_MIN else 1
    return count - sum(1 for value in ordered[-most:] if value > limit)


def _last(ordered: Sequence[int]) -> int:
    """The largest that is taken as a measure."""
    return min(at(ordered, 1 - SPOILT), ordered[_tame(ordered) - 1])


def _fall(ordered: Sequence[int], near: int, far: int) -> float:
    """How much a tail rises between two of its values by each power of e of their shares (Hill 1975, by quantiles)."""
    share = max(SPOILT, 1 / (len(ordered) + 1))
    decline = log(TAIL_FROM / share) if share < TAIL_FROM / 2 else log(2)
    return log(max(far, 1) / max(near, 1)) / decline


def _per_e(count: int, sigma: float, fall: float, tail: float) -> float:
    """By how much in logarithms a value must grow for its chance to fall by e: what the tail shows, weighed with what
    is expected of any."""
    shown = max(fall, sigma * FALL_SIGMAS_MIN)
    return (count * shown + FALL_ROWS * sigma / tail) / (count + FALL_ROWS)


def chance_above(ordered: Sequence[int], spread: Spread, value: int, tail: float = TAIL_PER_SIGMA) -> float:
    """The chance of a value like this or larger: the share of those that are; in the outermost SPOILT of them, and
    beyond what was seen, by how far it lies beyond the rest."""
    last = _last(ordered)
    if value <= last:
        return share_from(ordered, value)
    per_e = _per_e(len(ordered), spread.sigma_up(), spread.fall_up, tail)
    return _beyond(ordered, log(value / max(last, 1)) / per_e)


def chance_below(ordered: Sequence[int], spread: Spread, value: int) -> float:
    """The chance of a value like this or smaller, likewise."""
    first = ordered[int(SPOILT * len(ordered))]
    if value >= first:
        return share_up_to(ordered, value)
    per_e = _per_e(len(ordered), spread.sigma_down(), spread.fall_down, TAIL_PER_SIGMA)
    return _beyond(ordered, log(max(first, 1) / max(value, 1)) / per_e)


def _beyond(ordered: Sequence[int], powers: float) -> float:
    share = max(SPOILT, 1 / (len(ordered) + 1))
    return share * exp(-max(0.0, powers))
