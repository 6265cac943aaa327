"""A fourth generator, as somebody would write it who knows nothing of the engine: a distance behind every mileage and
in every duration, dispatchers who serve all vendors, prices by service and vendor, rush hours, seasons and drift.

Of the frauds, mileage is three to six times what the way costs while the time stays as it was, and a dispatcher's jobs
with one vendor cost 1.4 to 2 times as much.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

START: Final = datetime(2025, 1, 1, tzinfo=UTC)
YEAR: Final = 365
SERVICES: Final = {
    "tire_change": (18_000, 45),
    "towing": (35_000, 75),
    "jump_start": (9_000, 25),
    "lockout": (11_000, 30),
    "fuel_delivery": (10_000, 30),
    "mobile_repair": (42_000, 120),
}
NOTES: Final = ["Completed without issues", "Customer on scene", "Flat tire replaced", "Battery jumped", "Heavy rain"]
EDITS: Final = [" (resubmitted)", ".", " - updated", ""]
CHARGES: Final = ["After hours", "Tolls", "Parts", "Disposal fee"]
BY_HOUR: Final = (1, 1, 0.6, 0.5, 0.6, 1, 3, 6, 8, 6, 5, 5, 5, 5, 5, 6, 8, 9, 7, 5, 4, 3, 2, 1.5)
MINUTES_A_MILE: Final = 1.5
Job = dict[str, Any]


class FourthWorld:
    """The events of one year, and which of them are of which pattern."""

    def __init__(self, *, seed: int, payments: int, vendors: int) -> None:
        self.r = random.Random(f"fourth-{seed}")
        self.dispatchers = [f"dispatcher-{number}" for number in range(15)]
        self.vendors = [self._vendor() for _ in range(vendors)]
        share = payments // 600
        self.honest = [self._job(self._any()) for _ in range(payments - 6 * share)]
        jobs = [(job, "") for job in self.honest]
        plants: dict[str, Callable[[], list[Job]]] = {
            "inflated_mileage": self._far,
            "resubmitted_job": self._copy,
            "split_below_tier": self._split,
            "new_vendor_burst": self._burst,
            "ghost_job": self._ghost,
            "dispatcher_collusion": self._collusion,
        }
        for name, plant in plants.items():
            planted: list[Job] = []
            while len(planted) < share:
                planted += plant()
            jobs += [(job, name) for job in planted[:share]]
        jobs.sort(key=lambda each: each[0]["at"])
        self.events = [self._event(number, job) for number, (job, _) in enumerate(jobs)]
        self.patterns = {event["id"]: name for event, (_, name) in zip(self.events, jobs, strict=True) if name}

    def _id(self) -> str:
        return str(UUID(int=self.r.getrandbits(128), version=4))

    def _vendor(self) -> Job:
        r = self.r
        return {
            "id": self._id(),
            "level": r.lognormvariate(0, 0.15),
            "drivers": [self._id() for _ in range(r.randint(2, 8))],
            "mile": r.uniform(300, 450),
            "weight": r.lognormvariate(0, 0.8),
            "drift": r.uniform(0.02, 0.1),
            "services": r.sample(list(SERVICES), r.randint(2, 6)),
        }

    def _any(self) -> Job:
        return self.r.choices(self.vendors, [each["weight"] for each in self.vendors])[0]

    def _when(self) -> datetime:
        while True:
            day = self.r.randrange(YEAR)
            season = (1 + 0.25 * math.sin(2 * math.pi * day / YEAR)) * (1.25 if day % 7 in (4, 5) else 0.95)
            if self.r.random() < season / 1.57:
                return self._on(day)

    def _on(self, day: int) -> datetime:
        hour = self.r.randrange(24) if self.r.random() < 0.03 else self.r.choices(range(24), BY_HOUR)[0]
        return START + timedelta(days=day, hours=hour, minutes=self.r.uniform(0, 60))

    def _photos(self, count: int) -> list[str]:
        return [f"s3://photos/{self._id()}.jpg" for _ in range(count)]

    def _job(self, vendor: Job, at: datetime | None = None, times: float = 1.0) -> Job:
        r = self.r
        at = at or self._when()
        service = r.choice(vendor["services"])
        price, minutes = SERVICES[service]
        miles = min(150.0, r.lognormvariate(math.log(15), 0.5))
        grown = 1 + vendor["drift"] * (at - START).days / YEAR
        return {
            "vendor": vendor,
            "at": at,
            "service": service,
            "base": round(price * vendor["level"] * r.lognormvariate(0, 0.2) * grown * times),
            "mileage": round(miles * vendor["mile"]),
            "minutes": max(5, int(minutes * r.lognormvariate(0, 0.2) + MINUTES_A_MILE * miles)),
            "photos": self._photos(0 if r.random() < 0.03 else r.randint(1, 5)),
            "notes": r.choice(NOTES),
            "charges": [(r.choice(CHARGES), r.randrange(1_000, 6_000))] if r.random() < 0.2 else [],
            "driver": r.choice(vendor["drivers"]),
            "dispatcher": r.choice(self.dispatchers),
            "incident": self._id(),
        }

    def _far(self) -> list[Job]:
        job = self._job(self._any())
        return [job | {"mileage": int(job["mileage"] * self.r.uniform(3, 6))}]

    def _copy(self) -> list[Job]:
        r, job = self.r, self.r.choice(self.honest)
        edits = {
            "incident": self._id(),
            "at": job["at"] + timedelta(days=r.uniform(1, 7)),
            "base": int(job["base"] * r.uniform(0.97, 1.03)),
            "minutes": max(1, job["minutes"] + r.randint(-5, 5)),
            "notes": job["notes"] + r.choice(EDITS),
            "photos": job["photos"] if r.random() < 0.5 else self._photos(len(job["photos"])),
        }
        return [job | edits]

    def _split(self) -> list[Job]:
        vendor, at = self._any(), self._when()
        jobs = [self._job(vendor, at + timedelta(hours=self.r.uniform(0, 6))) for _ in range(self.r.randint(2, 4))]
        return [job | {"base": self.r.randrange(90_000, 100_000), "mileage": 0, "charges": []} for job in jobs]

    def _burst(self) -> list[Job]:
        vendor, at, times = self._vendor(), self._on(self.r.randrange(36, YEAR - 1)), self.r.uniform(1, 1.3)
        return [
            self._job(vendor, at + timedelta(hours=self.r.uniform(0, 24)), times) for _ in range(self.r.randint(15, 30))
        ]

    def _ghost(self) -> list[Job]:
        job = self._job(self._any(), self._when().replace(hour=self.r.randint(1, 3)))
        return [job | {"minutes": self.r.randint(2, 10), "photos": [], "mileage": 0, "charges": []}]

    def _collusion(self) -> list[Job]:
        r, vendor, first = self.r, self._any(), self.r.randrange(36, YEAR - 50)
        days = [first + r.randrange(45) for _ in range(r.randint(15, 35))]
        whose = {"dispatcher": r.choice(self.dispatchers)}
        return [self._job(vendor, self._on(day), r.uniform(1.4, 2)) | whose for day in days]

    def _event(self, number: int, job: Job) -> dict[str, Any]:
        at = job["at"].strftime("%Y-%m-%dT%H:%M:%SZ")
        work = {
            "serviceType": job["service"],
            "duration": job["minutes"],
            "photos": job["photos"],
            "notes": job["notes"],
        }
        charges = [{"description": words, "amount": price} for words, price in job["charges"]]
        detail = {
            "incidentId": job["incident"],
            "vendorId": job["vendor"]["id"],
            "driverId": job["driver"],
            "dispatcherId": job["dispatcher"],
            "completedAt": at,
            "workDetails": work,
            "pricing": {"basePrice": job["base"], "mileageCharge": job["mileage"], "additionalCharges": charges},
        }
        source = "roadcall.incident-service"
        return {
            "id": f"fourth-{number}",
            "detail-type": "WorkCompleted",
            "source": source,
            "time": at,
            "detail": detail,
        }
