"""Who stands behind the payment: ties between the persons and the vendor, and what prices do in their hands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from statistics import median
from typing import Final

import msgspec

from vendorpay.domain.fraud.chance import at_least
from vendorpay.domain.fraud.rows import FraudRow
from vendorpay.domain.fraud.spread import at, share_from
from vendorpay.domain.fraud.view import View
from vendorpay.domain.fraud.windows import Company

REFERENCE_ROWS_MIN: Final = 8
SERIES_MAX: Final = 20
SERIES_AGE: Final = timedelta(days=45)
LATELY_ROWS_MIN: Final = 5
BOUNDS: Final = (0.8, 0.9, 0.95, 0.99)
"""Above which of the levels compared with a payment may be called dear; the most telling one counts."""
MARGIN: Final = 1.05
"""How far above: prices that drift are soon a little above all that was."""
DRIFT_MAX: Final = 1.15
"""By how much a vendor's prices may have risen as a whole, so that it is no news that single ones have."""
CHEAP: Final = 0.25
CROWDS: Final = (6, 12, 20)
"""Among how many of the vendor's newest payments a person's are counted; the most telling number counts."""
CROWD_ROWS_MIN: Final = 20
"""From how many older ones it is told how many are usually theirs."""


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """Dear payments that come thick. A level is a price in thousandths of the vendor's median price of the service;
    dear is what lies clearly above BOUNDS of the levels of those compared with."""

    rows: int
    """How many payments the series has, this one left out."""
    dear: int
    """How many of them are dear."""
    dear_level: int
    """The median level of these."""
    bound: int
    """Above which level a payment is dear."""
    compared: int
    """With how many others they are compared."""
    chance: float
    """That as many are dear when the series is like the others (binomial)."""
    crowd: float = 1.0
    """That as many of the vendor's newest payments are the same person's, by its share of the older ones (binomial); 1
    where nobody is looked at, or too little is known."""

    def goes_on(self, level: int) -> bool:
        """Whether a payment of this level is one more of the dear ones, and no honest one among them."""
        return level >= self.bound + (self.dear_level - self.bound) / 2

    def belongs(self, level: int) -> bool:
        """Whether it is nearer to the dear ones than to what is usual."""
        return level * level >= self.dear_level * 1000


class PeopleFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Ties between persons and the vendor. The series are None for a payment that is not dear for its vendor."""

    tie: str | None
    """`creator_is_vendor`, `creator_is_payee` when the same id stands on both sides; None = no such tie is known."""
    creator: Company | None
    """What created_by has to do with the vendor; None = unknown."""
    driver: Company | None
    """What the driver has to do with it; None = unknown."""
    with_creator: Series | None
    """The vendor's newest SERIES_MAX payments by the same creator within SERIES_AGE, beside the vendor's by others;
    None = the creator is unknown, there are fewer than REFERENCE_ROWS_MIN by others, or this payment is not dear."""
    with_driver: Series | None
    """The same by the driver."""
    lately: Series | None
    """The newest quarter of the vendor's payments, if within SERIES_AGE, beside the older ones; None likewise."""


def people_facts(view: View) -> PeopleFacts:
    """The facts about people."""
    row = view.row
    return PeopleFacts(
        tie=_tie(row),
        creator=view.windows.creator,
        driver=view.windows.driver,
        with_creator=_with(view, [each.created_by == row.created_by for each, _ in view.levels], row.created_by),
        with_driver=_with(view, [each.driver_id == row.driver_id for each, _ in view.levels], row.driver_id),
        lately=_lately(view),
    )


def _tie(row: FraudRow) -> str | None:
    if row.created_by is None:
        return None
    if row.created_by == str(row.vendor_id):
        return "creator_is_vendor"
    return "creator_is_payee" if row.created_by == row.driver_id else None


def _with(view: View, is_theirs: Sequence[bool], person: str | None) -> Series | None:
    if person is None or not view.levels:
        return None
    start = view.t - SERIES_AGE
    theirs, others = [], []
    for (each, level), same in zip(view.levels, is_theirs, strict=True):
        if not same:
            others.append(level)
        elif each.occurred_at > start:
            theirs.append(level)
    found = _series(view, theirs[:SERIES_MAX], others)
    return None if found is None else msgspec.structs.replace(found, crowd=_crowd(is_theirs))


def _crowd(is_theirs: Sequence[bool]) -> float:
    """By the vendor's rows, newest first; the payment in question, which is theirs too, counts with the newest."""
    chances = []
    for newest in CROWDS:
        older = is_theirs[newest:]
        if len(older) >= CROWD_ROWS_MIN:
            usual = (sum(older) + 1) / (len(older) + 1)
            chances.append(at_least(1 + sum(is_theirs[:newest]), 1 + newest, usual))
    return min(1.0, len(CROWDS) * min(chances, default=1.0))


def _lately(view: View) -> Series | None:
    newest = max(LATELY_ROWS_MIN, len(view.levels) // 4)
    start = view.t - SERIES_AGE
    last = [level for each, level in view.levels[:newest] if each.occurred_at > start]
    return _series(view, last, [level for _, level in view.levels[newest:]])


def _series(view: View, series: Sequence[int], others: list[int]) -> Series | None:
    if len(others) < REFERENCE_ROWS_MIN or view.level is None:
        return None
    others.sort()
    margin = MARGIN * _drift(view)
    sides = [_above(int(at(others, share) * margin), view.level, series, others) for share in BOUNDS]
    return min((side for side in sides if side is not None), key=lambda side: side.chance, default=None)


def _drift(view: View) -> float:
    """By how much the vendor's cheaper half of the newest quarter lies above that of the older payments: fraud moves
    the dear ones, a new price list all of them."""
    newest = max(LATELY_ROWS_MIN, len(view.levels) // 4)
    last, older = ([level for _, level in rows] for rows in (view.levels[:newest], view.levels[newest:]))
    if len(older) < REFERENCE_ROWS_MIN:
        return 1.0
    return min(DRIFT_MAX, max(1.0, at(sorted(last), CHEAP) / max(1, at(sorted(older), CHEAP))))


def _above(bound: int, own: int, series: Sequence[int], others: Sequence[int]) -> Series | None:
    """The series by one bound; this payment is left out of it, for its own price is judged by other signals."""
    dear = [level for level in series if level > bound]
    if own <= bound or not dear:
        return None
    return Series(
        rows=len(series),
        dear=len(dear),
        dear_level=round(median(dear)),
        bound=bound,
        compared=len(others),
        chance=min(1.0, len(BOUNDS) * at_least(len(dear), len(series), share_from(others, bound + 1))),
    )
