"""Honest jobs: when they are done, what they cost, and the event that tells of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import cos, pi
from random import Random
from typing import Any, Final

from vendorpay.entrypoints.fraud_simulation.prices import (
    CENTS_PER_MILE,
    CHARGES,
    MILES_FREE,
    NOTES,
    YEARLY_DRIFT,
    Service,
)
from vendorpay.entrypoints.fraud_simulation.vendors import Vendor, new_uuid

RUSH: Final = (
    0.3,
    0.2,
    0.15,
    0.15,
    0.2,
    0.5,
    1.4,
    2.6,
    2.4,
    1.6,
    1.3,
    1.2,
    1.2,
    1.2,
    1.3,
    1.7,
    2.5,
    2.7,
    2.0,
    1.3,
    1.0,
)
BY_HOUR: Final = (*RUSH, 0.8, 0.6, 0.4)
"""How much work ends in each local hour."""
YEAR_DAYS: Final = 365.25


@dataclass(frozen=True)
class Job:
    """One piece of work as it is billed."""

    vendor: Vendor
    service: Service
    at: datetime
    base_cents: int
    mileage_cents: int
    charges: tuple[tuple[str, int], ...]
    minutes: int
    photos: tuple[str, ...]
    notes: str
    driver: str
    dispatcher: str
    incident: str
    pattern: str = ""

    @property
    def total_cents(self) -> int:
        """What is asked for."""
        return self.base_cents + self.mileage_cents + sum(cents for _, cents in self.charges)

    def event(self, event_id: str) -> dict[str, Any]:
        """The WorkCompleted event (contract section 5); `dispatcherId` is a field that the service ignores."""
        at = self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        pricing: dict[str, Any] = {"basePrice": self.base_cents, "mileageCharge": self.mileage_cents}
        if self.charges:
            pricing["additionalCharges"] = [{"description": words, "amount": cents} for words, cents in self.charges]
        return {
            "id": event_id,
            "source": "roadcall.incident-service",
            "detail-type": "WorkCompleted",
            "time": at,
            "detail": {
                "incidentId": self.incident,
                "vendorId": self.vendor.vendor_id,
                "driverId": self.driver,
                "dispatcherId": self.dispatcher,
                "completedAt": at,
                "workDetails": {
                    "notes": self.notes,
                    "photos": list(self.photos),
                    "serviceType": self.service.name,
                    "duration": self.minutes,
                },
                "pricing": pricing,
            },
        }


def honest_job(chance: Random, vendor: Vendor, at: datetime, start: datetime) -> Job:
    """One honest job of the vendor at a time."""
    weights = [service.share * (1 + service.winter * _winter(at)) for service in vendor.services]
    service = chance.choices(vendor.services, weights)[0]
    return priced(chance, vendor, service, at, start)


def priced(chance: Random, vendor: Vendor, service: Service, at: datetime, start: datetime) -> Job:
    """A job of one service at what it honestly costs."""
    drift = 1 + YEARLY_DRIFT * (at - start).total_seconds() / (YEAR_DAYS * 86_400)
    base = service.price_cents * vendor.level * drift * chance.lognormvariate(0, 0.13)
    miles = chance.lognormvariate(2.3, 0.5)
    charges = tuple(
        (words, _rounded(cents * chance.lognormvariate(0, 0.25))) for words, cents in CHARGES if chance.random() < 0.06
    )
    return Job(
        vendor=vendor,
        service=service,
        at=at,
        base_cents=_rounded(base),
        mileage_cents=_rounded(max(0.0, miles - MILES_FREE) * CENTS_PER_MILE),
        charges=charges,
        minutes=max(8, round(service.minutes * chance.lognormvariate(0, 0.35))),
        photos=photos(chance, vendor),
        notes=chance.choice(NOTES),
        driver=chance.choice(vendor.drivers),
        dispatcher=chance.choice(vendor.dispatchers),
        incident=new_uuid(chance),
    )


def photos(chance: Random, vendor: Vendor) -> tuple[str, ...]:
    """Names of as many photos as this vendor takes; now and then none."""
    many = max(0, round(chance.gauss(vendor.photos, 0.9)))
    return tuple(f"photo-{chance.randrange(10**6)}.jpg" for _ in range(many))


def honest_time(chance: Random, vendor: Vendor, start: datetime, span: timedelta) -> datetime:
    """When a job of this vendor ends: more in rush hours, more in winter."""
    opened = max(start, vendor.opens_at)
    while True:
        day = opened + (start + span - opened) * chance.random()
        if chance.random() < (1 + 0.3 * _winter(day)) / 1.3:
            break
    weights = [1.0] * 24 if vendor.around_the_clock else BY_HOUR
    hour = chance.choices(range(24), weights)[0]
    midnight = day.replace(hour=0, minute=0, second=0, microsecond=0)
    at = midnight + timedelta(hours=(hour - vendor.zone_h) % 24, seconds=chance.uniform(0, 3600))
    return max(at, opened)


def moved(job: Job, at: datetime, pattern: str, **changes: Any) -> Job:
    """The same job at another time, under a label."""
    return replace(job, at=at, pattern=pattern, **changes)


def _winter(at: datetime) -> float:
    """1 in the middle of January, 0 in the middle of July."""
    return (1 + cos(2 * pi * (at.timetuple().tm_yday - 15) / YEAR_DAYS)) / 2


def _rounded(cents: float) -> int:
    """Prices are written in quarters."""
    return round(cents / 25) * 25
