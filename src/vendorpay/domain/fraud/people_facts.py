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
BOUNDS: Final = (0.95, 0.99)
"""Above which of the levels compared with a payment may be called dear; the more telling one counts."""
MARGIN: Final = 1.05
"""How far above: prices that drift are soon a little above all that was."""


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

    def goes_on(self, level: int) -> bool:
        """Whether a payment of this level is one more of the dear ones, and no honest one among them."""
        return level >= self.bound + (self.dear_level - self.bound) / 2


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
    return _series(view, theirs[:SERIES_MAX], others)


def _lately(view: View) -> Series | None:
    newest = max(LATELY_ROWS_MIN, len(view.levels) // 4)
    start = view.t - SERIES_AGE
    last = [level for each, level in view.levels[:newest] if each.occurred_at > start]
    return _series(view, last, [level for _, level in view.levels[newest:]])


def _series(view: View, series: Sequence[int], others: list[int]) -> Series | None:
    if len(others) < REFERENCE_ROWS_MIN or view.level is None:
        return None
    others.sort()
    sides = [_above(int(at(others, share) * MARGIN), view.level, series, others) for share in BOUNDS]
    return min((side for side in sides if side is not None), key=lambda side: side.chance, default=None)


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
