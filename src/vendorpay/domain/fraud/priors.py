"""What a service usually costs, for the time before twenty comparable payments tell it better."""

from __future__ import annotations

from typing import Annotated, Final, Protocol

import msgspec
from msgspec import Meta

from vendorpay.domain.money import AMOUNT_MAX
from vendorpay.domain.new_payment import Currency
from vendorpay.domain.text import NO_NUL

COMPARABLE_MIN: Final = 20
"""With fewer comparable payments than these, the prior decides (issue 6)."""

Cents = Annotated[int, Meta(ge=1, le=AMOUNT_MAX)]


class Prior(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What one service type is expected to cost in a currency; without a service type, what all others are."""

    service_type: Annotated[str, Meta(max_length=200, pattern=NO_NUL)] = ""
    currency: Currency
    median_cents: Cents
    high_cents: Cents
    """What hardly an honest payment is above."""


class Priors(Protocol):
    """Where signals look a prior up: the rule set."""

    def prior(self, service_type: str | None, currency: str) -> Prior | None:
        """What is expected of a service type before there is a history; None where nothing is known of the currency."""


def _usd(service_type: str, median_cents: int, high_cents: int) -> Prior:
    return Prior(service_type=service_type, currency="USD", median_cents=median_cents, high_cents=high_cents)


# Roadside work in the United States, mileage and surcharges included. The upper figures are meant wide: they decide
# alone only while nothing is known, and what a region or a heavy truck costs shows within twenty payments.
DEFAULT_PRIORS: Final[tuple[Prior, ...]] = (
    _usd("", 25_000, 220_000),
    _usd("tire_change", 15_000, 120_000),
    _usd("tire_repair", 15_000, 120_000),
    _usd("tire_replacement", 50_000, 250_000),
    _usd("jump_start", 10_000, 100_000),
    _usd("lockout", 12_000, 100_000),
    _usd("fuel_delivery", 12_000, 100_000),
    _usd("winch_out", 45_000, 250_000),
    _usd("mobile_mechanic", 60_000, 300_000),
    _usd("engine_repair", 60_000, 300_000),
    _usd("towing", 60_000, 300_000),
)
