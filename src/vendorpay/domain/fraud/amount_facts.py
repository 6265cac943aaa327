"""How much is asked for, and what is usual: for this vendor and for this service type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from vendorpay.domain.fraud.spread import Spread, chance_above, spread_of
from vendorpay.domain.fraud.view import View

MILEAGE_ROWS_MIN: Final = 5


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """A value beside others of its kind."""

    usual: Spread
    chance: float
    """That one of them is as far out as this value or further (`spread.chance_above`, `chance_below`), 0..1."""


class AmountFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Amounts in minor units. Comparable = same currency and service type, not later than the payment."""

    amount_cents: int
    vendor: Compared | None
    """The amount beside the vendor's comparable rows among its newest 200; None = there are none."""
    peers: Compared | None
    """Beside the newest 500 comparable rows of all vendors; None = there are none."""
    base_cents: int | None
    mileage_cents: int | None
    mileage_permille: int | None
    """Mileage in thousandths of the base price; None = either is unknown, or the base is 0."""
    vendor_mileage: Compared | None
    """The mileage beside those of the vendor's rows in this currency, of any service (a mile is a mile)."""
    peer_mileage: Compared | None
    """Beside those of the newest 500 comparable rows of all vendors."""
    peer_mileage_permille: Compared | None
    """The same of the thousandths."""


def amount_facts(view: View) -> AmountFacts:
    """The facts about the amount."""
    row, peers = view.row, view.windows.peers
    permille = row.mileage_cents * 1000 // row.base_cents if row.mileage_cents is not None and row.base_cents else None
    of_vendor = [each.mileage_cents for each in view.same_currency if each.mileage_cents is not None]
    return AmountFacts(
        amount_cents=row.amount_cents,
        vendor=compared(sorted([each.amount_cents for each in view.comparable]), row.amount_cents),
        peers=compared(peers.amounts_cents, row.amount_cents),
        base_cents=row.base_cents,
        mileage_cents=row.mileage_cents,
        mileage_permille=permille,
        vendor_mileage=compared(sorted(of_vendor), row.mileage_cents),
        peer_mileage=compared(peers.mileages_cents, row.mileage_cents),
        peer_mileage_permille=compared(peers.mileages_permille, permille),
    )


def compared(ordered: Sequence[int], value: int | None) -> Compared | None:
    """The value beside sorted others: None without others, or when it is unknown."""
    spread = None if value is None else spread_of(ordered)
    if value is None or spread is None:
        return None
    return Compared(usual=spread, chance=chance_above(ordered, spread, value))
