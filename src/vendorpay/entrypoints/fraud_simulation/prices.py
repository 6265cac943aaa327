"""What work costs and how long it takes in the simulated world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Service:
    """A kind of work: typical price in cents, minutes, how much of all work it is, and how much more in winter."""

    name: str
    price_cents: int
    minutes: int
    share: float
    winter: float


SERVICES: Final = (
    Service("tire_repair", 11_000, 40, 0.16, 0.0),
    Service("tire_replacement", 38_000, 70, 0.14, 0.1),
    Service("jump_start", 8_500, 25, 0.16, 0.6),
    Service("lockout", 9_500, 30, 0.12, 0.0),
    Service("fuel_delivery", 10_500, 35, 0.1, 0.1),
    Service("towing", 42_000, 95, 0.18, 0.2),
    Service("winch_out", 36_000, 80, 0.06, 0.8),
    Service("mobile_mechanic", 52_000, 110, 0.08, 0.0),
)

CHARGES: Final = (
    ("Toll", 900),
    ("Tire disposal", 1_500),
    ("After-hours fee", 6_000),
    ("Second technician", 9_500),
    ("Parts: battery", 14_500),
    ("Parts: valve stem", 1_200),
    ("Heavy-duty surcharge", 12_000),
)

NOTES: Final = (
    "",
    "Driver on site",
    "Replaced with spare",
    "Vehicle moved to the next exit",
    "Customer waited at the gas station",
    "Battery tested, charging fine",
    "Trailer attached, needed more chain",
    "Key locked in the cab",
    "Two axles checked, tread low",
    "Road closed, took the long way",
)

MILES_FREE: Final = 8
CENTS_PER_MILE: Final = 450
YEARLY_DRIFT: Final = 0.06
"""How much prices rise in a year."""
