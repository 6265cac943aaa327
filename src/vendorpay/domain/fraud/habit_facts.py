"""What the vendor usually does and does otherwise now: charges, round sums, currencies, accounts, leading digits."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10
from typing import Final

import msgspec

from vendorpay.domain.fraud.view import View

ROUND_CENTS: Final = 10_000
"""A sum is round when it is a whole number of hundreds."""
ROWS_MIN: Final = 20
DIGIT_ROWS_MIN: Final = 100
DIGIT_DECADES_MIN: Final = 1.5
BENFORD: Final = tuple(log10(1 + 1 / digit) for digit in range(1, 10))


class HabitFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Shares are 0..1; None = too few rows to tell."""

    new_charges: tuple[str, ...]
    """Charges beside base and mileage, in folded words, that none of the vendor's rows has."""
    known_charges: int
    """How many different ones its rows have; 0 also where the payment has none to compare."""
    rows: int
    """How many rows of the vendor there are to compare with, at most 200."""
    is_round: bool
    """Whether the amount is a whole number of hundreds."""
    round_share: float | None
    """How many of the vendor's and the service type's rows are, whichever is the larger share."""
    currency_share: float | None
    """Which share of the vendor's rows is in the payment's currency."""
    main_currency: str | None
    """The currency of most of them."""
    account_age_s: float | None
    """How long ago the vendor's payee account changed; None = unknown, or never."""
    digits_apart: float | None
    """How far the leading digits of the vendor's amounts are from Benford's law: the mean of the nine differences of
    shares (Nigrini 2012); None below DIGIT_ROWS_MIN rows, or when they span less than DIGIT_DECADES_MIN decades."""


def habit_facts(view: View) -> HabitFacts:
    """The facts about habits."""
    row = view.row
    known = {charge for each in view.before for charge in each.extras} if row.extras else set()
    currency_share, main = _currencies(view)
    changed = view.windows.account_changed_at
    return HabitFacts(
        new_charges=tuple(charge for charge in row.extras if charge not in known),
        known_charges=len(known),
        rows=len(view.before),
        is_round=_is_round(row.amount_cents),
        round_share=_round_share(view) if _is_round(row.amount_cents) else None,
        currency_share=currency_share,
        main_currency=main,
        account_age_s=None if changed is None else max(0.0, (view.t - changed).total_seconds()),
        digits_apart=_digits_apart([each.amount_cents for each in view.same_currency]),
    )


def _currencies(view: View) -> tuple[float | None, str | None]:
    """The share of the vendor's rows in the payment's currency, and the currency of most."""
    if not view.before:
        return None, None
    if len(view.same_currency) == len(view.before):
        return 1.0, view.row.currency
    all_of_them = [each.currency for each in view.before]
    main = max(sorted(set(all_of_them)), key=all_of_them.count)
    return round(len(view.same_currency) / len(all_of_them), 6), main


def _is_round(cents: int) -> bool:
    return cents > 0 and cents % ROUND_CENTS == 0


def _round_share(view: View) -> float | None:
    own = [each.amount_cents for each in view.same_currency]
    shares = [
        sum(map(_is_round, amounts)) / len(amounts)
        for amounts in (own, view.windows.peers.amounts_cents)
        if len(amounts) >= ROWS_MIN
    ]
    return round(max(shares), 6) if shares else None


def _digits_apart(amounts: Sequence[int]) -> float | None:
    if len(amounts) < DIGIT_ROWS_MIN or log10(max(amounts) / max(1, min(amounts))) < DIGIT_DECADES_MIN:
        return None
    counts = [0] * 10
    for cents in amounts:
        counts[int(str(cents)[0])] += 1
    shares = [count / len(amounts) for count in counts[1:]]
    return round(sum(abs(share - law) for share, law in zip(shares, BENFORD, strict=True)) / len(BENFORD), 6)
