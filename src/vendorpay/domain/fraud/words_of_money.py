"""Figures in the sentences of findings, as people write them."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.money import Money

_MINUTE_S: Final = 60.0
_HOUR_S: Final = 3600.0
_DAY_S: Final = 86_400.0
_SHARE_MIN: Final = 0.001


def money(cents: int, currency: str) -> str:
    """Minor units with their currency."""
    try:
        return str(Money(cents, currency))
    except ValueError:
        return f"{cents} {currency}"


def counted(number: int, thing: str) -> str:
    """So many of a thing whose plural ends in s: no payment, 1 payment, 2 payments."""
    return f"{number or 'no'} {thing}{'s' if number > 1 else ''}"


def minutes(number: int) -> str:
    """How long, as whole minutes tell it."""
    return counted(number, "minute") if number else "less than a minute"


def share(part: float) -> str:
    """A part of a whole, for the words `of .. payments`: none, or per cent."""
    if part <= 0:
        return "none"
    return "less than 0.1%" if part < _SHARE_MIN else f"{part:.1%}"


def span(seconds: float) -> str:
    """How long: minutes below two hours, hours below two days, else days."""
    if seconds < _MINUTE_S:
        return "less than a minute"
    if seconds < 2 * _HOUR_S:
        return counted(round(seconds / _MINUTE_S), "minute")
    return f"{seconds / _HOUR_S:.0f} hours" if seconds < 2 * _DAY_S else f"{seconds / _DAY_S:.0f} days"


def once_in(chance: float) -> str:
    """A small chance as people say it."""
    return f"once in {1 / max(chance, 1e-9):,.0f}"
