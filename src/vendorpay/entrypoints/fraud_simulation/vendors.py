"""Vendors: honest ones with prices, habits and drivers of their own, some of them joining later."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

from vendorpay.entrypoints.fraud_simulation.prices import SERVICES, Service

JOINING_LATER: Final = 0.25
AROUND_THE_CLOCK: Final = 0.15
VENDOR_LEVEL: Final = 0.18
"""How much vendors' prices differ: the standard deviation of their logarithm."""


@dataclass
class Vendor:
    """One vendor."""

    vendor_id: str
    services: tuple[Service, ...]
    level: float
    volume: float
    opens_at: datetime
    zone_h: int
    around_the_clock: bool
    drivers: tuple[str, ...]
    photos: float
    dispatchers: tuple[str, ...] = field(default=())


def new_uuid(chance: Random) -> str:
    """An id of this world."""
    return str(UUID(int=chance.getrandbits(128), version=4))


def make_vendor(chance: Random, opens_at: datetime, start: datetime, dispatchers: tuple[str, ...]) -> Vendor:
    """A vendor that begins to work at a time."""
    return Vendor(
        vendor_id=new_uuid(chance),
        services=tuple(chance.sample(SERVICES, chance.randint(2, len(SERVICES)))),
        level=chance.lognormvariate(0.0, VENDOR_LEVEL),
        volume=min(8.0, chance.paretovariate(1.3)) if opens_at <= start else chance.uniform(0.3, 2.0),
        opens_at=opens_at,
        zone_h=chance.choice((-5, -6, -7, -8)),
        around_the_clock=chance.random() < AROUND_THE_CLOCK,
        drivers=tuple(new_uuid(chance) for _ in range(chance.randint(2, 12))),
        photos=chance.uniform(1.2, 3.5),
        dispatchers=tuple(chance.sample(dispatchers, min(len(dispatchers), chance.randint(3, 6)))),
    )


def make_vendors(chance: Random, many: int, start: datetime, span: timedelta) -> list[Vendor]:
    """The honest vendors of a history; some of them begin in its course."""
    dispatchers = tuple(new_uuid(chance) for _ in range(max(6, many // 5)))
    vendors = []
    for number in range(many):
        later = number > many // 10 and chance.random() < JOINING_LATER
        opens_at = start + span * chance.uniform(0.05, 0.9) if later else start
        vendors.append(make_vendor(chance, opens_at, start, dispatchers))
    return vendors
