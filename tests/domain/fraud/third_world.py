"""A third generator, written from the words of issue 6 alone: six services, seasons, rush days, drift, dispatchers.

Its frauds are small on purpose: copies lose a photo or move by up to 5 %, collusion begins at 1.3 times the usual
price, mileage at 2.5 times. Not all of that can be found by anybody.
"""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

START: Final = datetime(2026, 1, 5, tzinfo=UTC)
SERVICES: Final = {
    "towing": (27_500, 95, 0.30),
    "tire_repair": (5_500, 45, 0.20),
    "mobile_mechanic": (30_000, 120, 0.15),
    "lockout": (4_750, 30, 0.15),
    "jump_start": (4_000, 25, 0.12),
    "fuel_delivery": (4_500, 30, 0.08),
}
NOTES: Final = ["", "", "Driver on site", "long wait", "key locked in trunk", "flat on rear left", "flatbed needed"]
CHARGES: Final = ["Toll", "Tire disposal", "After-hours fee", "Second technician"]
Job = dict[str, Any]


class ThirdWorld:
    """The events of one history, and which of them are of which pattern."""

    def __init__(self, *, seed: int, payments: int, days: int, vendors: int) -> None:
        self.r = random.Random(f"third-{seed}")
        self.days = days
        self.rush = [self.r.random() < 0.06 for _ in range(days)]
        self.dispatchers = [f"disp-{number:02d}" for number in range(12)]
        self.vendors = [self._vendor(number) for number in range(vendors)]
        share = payments // 600
        honest = [self._job(self._any()) for _ in range(payments - 6 * share)]
        self.jobs: list[tuple[Job, str]] = [(job, "") for job in honest]
        for job in self.r.sample(honest, share):
            self._plant("resubmitted", self._copy(job))
        for _ in range(share):
            self._plant("inflated_mileage", self._far())
            self._plant("ghost_job", self._ghost())
        self._series("split_below_tier", share, (2, 6), self._split)
        self._series("new_vendor_burst", share, (8, 40), self._burst)
        self._series("collusion", share, (12, 40), self._collusion)
        self.jobs.sort(key=lambda each: each[0]["at"])
        self.events = [self._event(number, job) for number, (job, _) in enumerate(self.jobs)]
        self.patterns = {event["id"]: name for event, (_, name) in zip(self.events, self.jobs, strict=True) if name}

    def _id(self) -> str:
        return str(UUID(int=self.r.getrandbits(128), version=4))

    def _vendor(self, number: int) -> Job:
        return {
            "id": self._id(),
            "drivers": [self._id() for _ in range(self.r.randint(2, 9))],
            "weight": 1 / (number + 1) ** 0.7,
            "level": math.exp(self.r.gauss(0, 0.25)),
            "offers": self.r.sample(list(SERVICES), self.r.randint(1, 4)),
            "drift": self.r.uniform(-0.05, 0.15),
            "night": self.r.random() * 0.15,
            "far": math.exp(self.r.gauss(0, 0.2)),
        }

    def _any(self) -> Job:
        return self.r.choices(self.vendors, [each["weight"] for each in self.vendors])[0]

    def _day(self) -> int:
        while True:
            day = self.r.randrange(self.days)
            season = 1 + 0.35 * math.sin(2 * math.pi * day / 91) + (0.4 if day % 7 >= 5 else 0)
            if self.r.random() < (season + (1.2 if self.rush[day] else 0)) / 2.9:
                return day

    def _hour(self, vendor: Job) -> float:
        if self.r.random() < vendor["night"]:
            return self.r.random() * 24
        return min(22.9, max(5.0, self.r.gauss(self.r.choice((8.5, 13, 17.5)), 2.2)))

    def _job(self, vendor: Job, at: datetime | None = None) -> Job:
        r = self.r
        at = at or START + timedelta(days=self._day(), hours=self._hour(vendor))
        service = r.choices(vendor["offers"], [SERVICES[each][2] for each in vendor["offers"]])[0]
        price, minutes, _ = SERVICES[service]
        grown = 1 + vendor["drift"] * (at - START).days / self.days
        far = 0 if r.random() < (0.15 if service == "towing" else 0.5) else 2_250 * vendor["far"]
        return {
            "vendor": vendor["id"],
            "at": at,
            "service": service,
            "base": cents(price * vendor["level"] * grown * math.exp(r.gauss(0, 0.18))),
            "mileage": cents(far * math.exp(r.gauss(0, 0.25))) if far else 0,
            "minutes": max(5, int(minutes * math.exp(r.gauss(0, 0.4)))),
            "photos": [f"photo-{r.randrange(10**6)}.jpg" for _ in range(r.choice((0, 1, 2, 2, 3, 3, 4)))],
            "notes": r.choice(NOTES),
            "incident": self._id(),
            "driver": r.choice(vendor["drivers"]),
            "dispatcher": r.choice(self.dispatchers),
            "charges": [(r.choice(CHARGES), cents(r.uniform(500, 3_500)))] if r.random() < 0.25 else [],
        }

    def _plant(self, name: str, job: Job) -> None:
        self.jobs.append((job, name))

    def _series(self, name: str, left: int, size: tuple[int, int], make: Any) -> None:
        while left > 0:
            count = min(left, self.r.randint(*size))
            left -= count
            for job in make(count):
                self._plant(name, job)

    def _copy(self, job: Job) -> Job:
        r = self.r
        later = timedelta(hours=math.exp(r.uniform(0, math.log(24 * 21))))
        copy = job | {"incident": self._id(), "at": job["at"] + later}
        part = "mileage" if job["mileage"] and r.random() < 0.4 else "base"
        copy[part] = max(1, int(job[part] * (1 + r.uniform(-0.05, 0.05))))
        edits: list[Job] = [
            {"notes": f"{job['notes']} updated"},
            {"photos": job["photos"][1:]},
            {"photos": [*job["photos"], f"photo-{r.randrange(10**6)}.jpg"]},
            {"minutes": job["minutes"] + r.randint(-3, 3)},
        ]
        return copy | r.choice(edits)

    def _far(self) -> Job:
        job = self._job(vendor := self._any())
        return job | {"mileage": cents((job["mileage"] or 2_250 * vendor["far"]) * self.r.uniform(2.5, 6))}

    def _ghost(self) -> Job:
        job = self._job(self._any(), START + timedelta(days=self._day(), hours=self.r.uniform(0, 4)))
        price = max(5_000, round(job["base"] / 5_000) * 5_000)
        return job | {"base": price, "minutes": self.r.randint(0, 5), "photos": [], "charges": [], "notes": ""}

    def _split(self, count: int) -> list[Job]:
        first, hours = self._job(vendor := self._any()), self.r.choice((3, 12, 36, 72))
        jobs = [self._job(vendor, first["at"] + timedelta(hours=self.r.random() * hours)) for _ in range(count)]
        plain = {"service": first["service"], "mileage": 0, "charges": []}
        return [job | plain | {"base": int(100_000 * self.r.uniform(0.85, 0.999))} for job in jobs]

    def _burst(self, count: int) -> list[Job]:
        vendor = self._vendor(0) | {"drift": 0.0}
        at, hours = START + timedelta(days=self.r.uniform(0.1, 0.95) * self.days), math.exp(self.r.uniform(0, 3.87))
        return [self._job(vendor, at + timedelta(hours=self.r.random() * hours)) for _ in range(count)]

    def _collusion(self, count: int) -> list[Job]:
        r, vendor, begin = self.r, self._any(), self.r.uniform(0.15, 0.7) * self.days
        times, days = r.uniform(1.3, 3), r.uniform(5, 45)
        whose = {"driver": r.choice(vendor["drivers"]), "dispatcher": r.choice(self.dispatchers)}
        found = []
        for _ in range(count):
            day = int(min(self.days - 1, begin + r.random() * days))
            job = self._job(vendor, START + timedelta(days=day, hours=self._hour(vendor)))
            found.append(job | whose | {"base": cents(job["base"] * times * r.uniform(0.9, 1.1))})
        return found

    def _event(self, number: int, job: Job) -> dict[str, Any]:
        at = job["at"].isoformat().replace("+00:00", "Z")
        charges = [{"description": words, "amount": price} for words, price in job["charges"]]
        detail = {
            "incidentId": job["incident"],
            "vendorId": job["vendor"],
            "driverId": job["driver"],
            "dispatcherId": job["dispatcher"],
            "completedAt": at,
            "workDetails": {
                "notes": job["notes"],
                "photos": job["photos"],
                "serviceType": job["service"],
                "duration": job["minutes"],
            },
            "pricing": {"basePrice": job["base"], "mileageCharge": job["mileage"], "additionalCharges": charges},
        }
        source = "roadcall.incident-service"
        return {"id": f"third-{number}", "detail-type": "WorkCompleted", "source": source, "time": at, "detail": detail}


def cents(value: float) -> int:
    """Prices end in 25 cents."""
    return max(25, round(value / 25) * 25)
