"""One payment beside its history, with the vendor's rows sorted out once for all the facts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from vendorpay.domain.fraud.rows import FraudRow
from vendorpay.domain.fraud.windows import Windows

SERVICE_ROWS_MIN: Final = 5
"""How many rows a vendor's price of a service is told from."""
SETTLED_ROWS_MIN: Final = 40
DEAR_PERMILLE: Final = 1_100
"""Nobody asks how rare a level is that is hardly above the usual one."""


class View:
    """What the facts are read from. Rows are newest first."""

    __slots__ = ("before", "comparable", "level", "levels", "row", "same_currency", "t", "windows")

    def __init__(self, row: FraudRow, windows: Windows) -> None:
        self.row = row
        self.windows = windows
        t, currency, service = row.occurred_at, row.currency, row.service_type
        self.t = t
        rows = windows.vendor_rows
        self.before = rows if not rows or rows[0].occurred_at <= t else [one for one in rows if one.occurred_at <= t]
        """The vendor's, not later than the payment."""
        self.same_currency = [each for each in self.before if each.currency == currency]
        self.comparable = [each for each in self.same_currency if each.service_type == service]
        """Of the same service type too."""
        self.level = self._own_level()
        """The payment's price in thousandths of the vendor's median price of its service: base price where that is
        known, else the amount. None when fewer than SERVICE_ROWS_MIN rows tell the median."""
        self.levels = self._levels() if self.level is not None and self.level > DEAR_PERMILLE else []
        """The rows of the currency with their levels; none when the payment's own level is no news."""

    def settled(self, rows: Sequence[FraudRow]) -> Sequence[FraudRow]:
        """The rows without the newest quarter, where there are enough: what is usual is not told by what has just
        begun, for fraud comes in series."""
        return rows[len(rows) // 4 :] if len(rows) >= SETTLED_ROWS_MIN else rows

    def settled_levels(self) -> Sequence[tuple[FraudRow, int]]:
        """The same of the rows with levels."""
        return self.levels[len(self.levels) // 4 :] if len(self.levels) >= SETTLED_ROWS_MIN else self.levels

    def since(self, rows: Sequence[FraudRow], age: timedelta) -> list[FraudRow]:
        """Those of the rows that lie less than `age` back."""
        start = self.row.occurred_at - age
        found = []
        for each in rows:
            if each.occurred_at <= start:
                break
            found.append(each)
        return found

    def _own_level(self) -> int | None:
        median = _median([price_of(each) for each in self.comparable])
        return None if median is None else price_of(self.row) * 1000 // median

    def _levels(self) -> list[tuple[FraudRow, int]]:
        prices: dict[str | None, list[int]] = {}
        for each in self.same_currency:
            prices.setdefault(each.service_type, []).append(price_of(each))
        medians = {service: _median(values) for service, values in prices.items()}
        return [
            (each, price_of(each) * 1000 // median)
            for each in self.same_currency
            if (median := medians[each.service_type]) is not None
        ]


def price_of(row: FraudRow) -> int:
    """What is comparable best: the base price, for mileage and charges differ from job to job."""
    return row.base_cents or row.amount_cents


def _median(values: list[int]) -> int | None:
    if len(values) < SERVICE_ROWS_MIN:
        return None
    values.sort()
    return max(1, values[(len(values) - 1) // 2])
