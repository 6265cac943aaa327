"""Money: an integer of minor units and an ISO 4217 currency that knows how many of them make one major unit."""

from __future__ import annotations

import msgspec

from vendorpay.domain.currencies import EXPONENTS

AMOUNT_MAX = 10**13
"""The largest amount of a payment, in minor units (contract 4.2)."""

UNIT_PRICE_MAX = 10**12
"""The largest price of one unit of a line item, in minor units (contract 4.2)."""


class Money(msgspec.Struct, frozen=True, order=True):
    """An amount of `minor` units of `currency`; never a float. Raises ValueError when it cannot exist."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if self.currency not in EXPONENTS:
            raise ValueError(f"{self.currency!r} is not an ISO 4217 currency")
        if isinstance(self.minor, bool) or not isinstance(self.minor, int):
            raise ValueError("an amount is an integer of minor units")

    def __add__(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise ValueError(f"cannot add {other.currency} to {self.currency}")
        return Money(self.minor + other.minor, self.currency)

    def __str__(self) -> str:
        """`12.34 USD`, `1234 JPY`, `1.234 KWD`: digits by the currency's exponent, sign in front."""
        exponent = EXPONENTS[self.currency]
        sign = "-" if self.minor < 0 else ""
        digits = str(abs(self.minor)).rjust(exponent + 1, "0")
        if exponent == 0:
            return f"{sign}{digits} {self.currency}"
        return f"{sign}{digits[:-exponent]}.{digits[-exponent:]} {self.currency}"


def split(total: Money, parts: int) -> list[Money]:
    """`parts` amounts that add up to `total`; the first ones carry the odd minor units. Raises ValueError below 1."""
    if parts < 1:
        raise ValueError("money is split into at least one part")
    share, odd = divmod(total.minor, parts)
    return [Money(share + (1 if n < odd else 0), total.currency) for n in range(parts)]
