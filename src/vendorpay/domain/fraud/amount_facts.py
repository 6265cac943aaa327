"""How much is asked for, and what is usual: for this vendor and for this service type."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

import msgspec

from vendorpay.domain.fraud.rows import FraudRow
from vendorpay.domain.fraud.spread import TAIL_PER_SIGMA, Spread, at, chance_above, spread_of
from vendorpay.domain.fraud.view import View


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """A value beside others of its kind."""

    usual: Spread
    chance: float
    """That one of them is as far out as this value or further (`spread.chance_above`, `chance_below`), 0..1."""


class AmountFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Amounts in minor units. Comparable = same currency and service type, not later than the payment."""

    amount_cents: int
    vendor: Compared | None
    """The amount beside the vendor's comparable rows among its newest 200, without the newest quarter of them where
    there are 40 or more (View.settled); None = there are none."""
    peers: Compared | None
    """Beside the newest 500 comparable rows of all vendors; None = there are none."""
    level: Compared | None
    """The price in thousandths of the vendor's median price of the service (View.level), beside the same of its rows of
    any service without the newest quarter (View.settled); None = fewer than SERVICE_ROWS_MIN comparable rows, or the
    price is hardly above the usual one."""
    level_permille: int | None
    """That level; None = too few comparable rows."""
    base_cents: int | None
    mileage_cents: int | None
    mileage_permille: int | None
    """Mileage in thousandths of the base price; None = either is unknown, or the base is 0."""
    vendor_mileage: Compared | None
    """The mileage beside those of the vendor's rows in this currency, of any service (a mile is a mile). The spread is
    that of the mileages above 0, the chance that of all; None = the payment has none, or no more than their
    median."""
    peer_mileage: Compared | None
    """Beside those of the newest 500 comparable rows of all vendors."""
    vendor_mileage_permille: Compared | None
    """The thousandths beside those of the vendor's comparable rows."""
    peer_mileage_permille: Compared | None
    """Beside those of all vendors."""
    mileage_by_hour: int | None
    """Mileage by hour of the work's duration; None = either is unknown."""
    vendor_mileage_by_hour: Compared | None
    """Beside those of the vendor's comparable rows."""
    peer_mileage_by_hour: Compared | None
    """Beside those of all vendors."""


def amount_facts(view: View) -> AmountFacts:
    """The facts about the amount."""
    row, peers = view.row, view.windows.peers
    permille = row.mileage_cents * 1000 // row.base_cents if row.mileage_cents is not None and row.base_cents else None
    by_hour = _by_hour(row)
    return AmountFacts(
        amount_cents=row.amount_cents,
        level=compared(sorted([level for _, level in view.settled_levels()]), view.level),
        level_permille=view.level,
        vendor=compared(sorted([each.amount_cents for each in view.settled(view.comparable)]), row.amount_cents),
        peers=compared(peers.amounts_cents, row.amount_cents),
        base_cents=row.base_cents,
        mileage_cents=row.mileage_cents,
        mileage_permille=permille,
        vendor_mileage=positive(_mileages(view), row.mileage_cents),
        peer_mileage=positive(peers.mileages_cents, row.mileage_cents),
        vendor_mileage_permille=positive(_permilles(view), permille),
        peer_mileage_permille=positive(peers.mileages_permille, permille),
        mileage_by_hour=by_hour,
        vendor_mileage_by_hour=positive(_by_hours(view), by_hour),
        peer_mileage_by_hour=positive(peers.mileages_by_hour, by_hour),
    )


MILEAGE_TAIL: Final = 2.6
"""Distances are limited as prices are not: their logarithms end sooner (spread.TAIL_PER_SIGMA)."""


def compared(
    ordered: Sequence[int], value: int | None, *, above_median: bool = False, tail: float = TAIL_PER_SIGMA
) -> Compared | None:
    """The value beside sorted others: None without others, or when it is unknown; and when only what lies above the
    median is asked for, up to that."""
    if value is None or not ordered or (above_median and value <= at(ordered, 0.5)):
        return None
    spread = spread_of(ordered)
    if spread is None:
        return None
    return Compared(usual=spread, chance=chance_above(ordered, spread, value, tail))


def positive(ordered: Sequence[int], value: int | None) -> Compared | None:
    """The same of values that are 0 where there was nothing to bill: these tell nothing of how much it is else."""
    if not value:
        return None
    nothing = bisect_right(ordered, 0)
    found = compared(ordered[nothing:], value, above_median=True, tail=MILEAGE_TAIL)
    if found is None:
        return None
    return Compared(usual=found.usual, chance=found.chance * (found.usual.count + 1) / (len(ordered) + 1))


def _mileages(view: View) -> list[int]:
    if not view.row.mileage_cents:
        return []
    return sorted([each.mileage_cents for each in view.settled(view.same_currency) if each.mileage_cents is not None])


def _permilles(view: View) -> list[int]:
    if not view.row.mileage_cents:
        return []
    return sorted(
        [
            each.mileage_cents * 1000 // each.base_cents
            for each in view.settled(view.comparable)
            if each.mileage_cents is not None and each.base_cents
        ]
    )


def _by_hours(view: View) -> list[int]:
    if not view.row.mileage_cents:
        return []
    return sorted([found for each in view.settled(view.comparable) if (found := _by_hour(each)) is not None])


def _by_hour(row: FraudRow) -> int | None:
    if row.mileage_cents is None or row.duration_min is None:
        return None
    return row.mileage_cents * 60 // max(row.duration_min, 1)
