"""Who stands behind the payment: ties between the persons and the vendor, and what prices do in their hands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from statistics import median
from typing import Final

import msgspec

from vendorpay.domain.fraud.chance import together
from vendorpay.domain.fraud.rows import FraudRow
from vendorpay.domain.fraud.view import View
from vendorpay.domain.fraud.windows import Company

SERVICE_ROWS_MIN: Final = 5
REFERENCE_ROWS_MIN: Final = 10
SERIES_MAX: Final = 6
SERIES_AGE: Final = timedelta(days=45)


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """Several payments that lie high together. A level is an amount divided by the vendor's median of its service."""

    rows: int
    """How many payments, this one among them."""
    level: float
    """The median of their levels."""
    reference: float
    """The median level of those they are compared with."""
    compared: int
    """How many these are."""
    chance: float
    """That as many of these lie as high (Fisher's method over the shares as high)."""


class PeopleFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Ties between persons and the vendor."""

    tie: str | None
    """`creator_is_vendor`, `creator_is_payee` when the same id stands on both sides; None = no such tie is known."""
    creator: Company | None
    """What created_by has to do with the vendor; None = unknown."""
    driver: Company | None
    """What the driver has to do with it; None = unknown."""
    with_person: Series | None
    """This payment and the vendor's last ones by the same driver (or creator), beside the vendor's by others; None =
    the person is unknown, or there are fewer than REFERENCE_ROWS_MIN by others."""
    lately: Series | None
    """This payment and the vendor's last ones of SERIES_AGE, beside its older ones; None = too few of these."""


def people_facts(view: View) -> PeopleFacts:
    """The facts about people."""
    levels = _Levels(view)
    return PeopleFacts(
        tie=_tie(view.row),
        creator=view.windows.creator,
        driver=view.windows.driver,
        with_person=levels.with_person(),
        lately=levels.lately(),
    )


def _tie(row: FraudRow) -> str | None:
    if row.created_by is None:
        return None
    if row.created_by == str(row.vendor_id):
        return "creator_is_vendor"
    return "creator_is_payee" if row.created_by == row.driver_id else None


class _Levels:
    """The vendor's rows of one currency, each with its level."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.medians = self._medians() if self._worth_while() else {}
        own = self.level(view.row)
        self.own = own if own is not None and own > 1 else None
        self.rows = (
            []
            if self.own is None
            else [(each, level) for each in view.same_currency if (level := self.level(each)) is not None]
        )

    def _worth_while(self) -> bool:
        """A payment that is not dear for the vendor ends no series of dear ones."""
        comparable = sorted(each.amount_cents for each in self.view.comparable)
        if len(comparable) < SERVICE_ROWS_MIN:
            return False
        return self.view.row.amount_cents > comparable[len(comparable) // 2]

    def _medians(self) -> dict[str | None, float]:
        amounts: dict[str | None, list[int]] = {}
        for each in self.view.same_currency:
            amounts.setdefault(each.service_type, []).append(each.amount_cents)
        return {
            service: float(median(values)) for service, values in amounts.items() if len(values) >= SERVICE_ROWS_MIN
        }

    def level(self, row: FraudRow) -> float | None:
        usual = self.medians.get(row.service_type)
        return row.amount_cents / usual if usual else None

    def with_person(self) -> Series | None:
        person = _person(self.view.row)
        if person is None or self.own is None:
            return None
        theirs = [level for each, level in self.rows if _person(each) == person]
        others = [level for each, level in self.rows if _person(each) != person]
        return self._series(theirs[: SERIES_MAX - 1], others)

    def lately(self) -> Series | None:
        if self.own is None:
            return None
        start = self.view.t - SERIES_AGE
        last = [level for each, level in self.rows[: SERIES_MAX - 1] if each.occurred_at > start]
        return self._series(last, [level for _, level in self.rows[len(last) :]])

    def _series(self, series: Sequence[float], others: Sequence[float]) -> Series | None:
        if len(others) < REFERENCE_ROWS_MIN or self.own is None:
            return None
        mine = [self.own, *series]
        chances = [(sum(1 for other in others if other >= level) + 1) / (len(others) + 1) for level in mine]
        return Series(
            rows=len(mine),
            level=round(median(mine), 6),
            reference=round(median(others), 6),
            compared=len(others),
            chance=together(chances),
        )


def _person(row: FraudRow) -> str | None:
    return row.driver_id or row.created_by
