"""One payment beside its history, with the vendor's rows sorted out once for all the facts."""

from __future__ import annotations

from datetime import datetime, timedelta

from vendorpay.domain.fraud.rows import FraudRow
from vendorpay.domain.fraud.windows import Windows


class View:
    """What the facts are read from. Rows are newest first."""

    __slots__ = ("before", "comparable", "row", "same_currency", "windows")

    def __init__(self, row: FraudRow, windows: Windows) -> None:
        self.row = row
        self.windows = windows
        t, currency, service = row.occurred_at, row.currency, row.service_type
        self.before = [each for each in windows.vendor_rows if each.occurred_at <= t]
        """The vendor's, not later than the payment."""
        self.same_currency = [each for each in self.before if each.currency == currency]
        self.comparable = [each for each in self.same_currency if each.service_type == service]
        """Of the same service type too."""

    @property
    def t(self) -> datetime:
        """The payment's time."""
        return self.row.occurred_at

    def since(self, rows: list[FraudRow], age: timedelta) -> list[FraudRow]:
        """Those of the rows that lie less than `age` back."""
        start = self.row.occurred_at - age
        return [each for each in rows if each.occurred_at > start]
