"""Figures in the sentences of findings, as people write them."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.money import Money

_HOUR_S: Final = 3600.0
_DAY_S: Final = 86_400.0


def money(cents: int, currency: str) -> str:
    """Minor units with their currency."""
    try:
        return str(Money(cents, currency))
    except ValueError:
        return f"{cents} {currency}"


def span(seconds: float) -> str:
    """How long: minutes below two hours, hours below two days, else days."""
    if seconds < 2 * _HOUR_S:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / _HOUR_S:.0f} hours" if seconds < 2 * _DAY_S else f"{seconds / _DAY_S:.0f} days"


def once_in(chance: float) -> str:
    """A small chance as people say it."""
    return f"once in {1 / max(chance, 1e-9):,.0f}"
