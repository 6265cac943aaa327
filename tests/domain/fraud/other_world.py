"""Labelled events from a generator that shares nothing with the simulator: prices uniform or from lists, work around
the clock, other services and currencies, drivers of one vendor, no dispatchers; and frauds done in other ways.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

SERVICES = {
    "abschleppen": (9_000, 21_000),
    "reifen": (4_000, 9_500),
    "glas": (11_000, 33_000),
    "starthilfe": (3_500, 6_500),
}
WORDS = ["", "ok", "Kunde vor Ort", "雨天作業", "zona difícil", "wie besprochen", "ADAC 4411", "siehe Fotos"]


@dataclass
class OtherWorld:
    """One history; `lists` = every vendor has fixed prices, else they are anything between two bounds."""

    seed: int
    vendors: int = 25
    honest: int = 8_000
    cases: int = 5
    days: int = 120
    lists: bool = False
    currency: str = "EUR"
    by_night: bool = False
    driver_known: bool = True
    events: list[dict[str, Any]] = field(default_factory=list)
    patterns: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.r = random.Random(self.seed)
        self.start = datetime(2025, 3, 1, tzinfo=UTC)
        self.known = [self._vendor() for _ in range(self.vendors)]
        for _ in range(self.honest):
            self.job(self.r.choice(self.known), self._any_time())
        self.past = sorted(self.events, key=lambda event: str(event["time"]))[self.honest // 5 :]
        for _ in range(self.cases):
            for plant in (self.miles, self.again, self.below, self.crowd, self.nobody, self.friends):
                plant()
        self.events.sort(key=lambda event: str(event["time"]))

    def _vendor(self) -> dict[str, Any]:
        prices = {name: self.r.randrange(low, high, 50) for name, (low, high) in SERVICES.items()}
        return {
            "id": str(uuid.UUID(int=self.r.getrandbits(128))),
            "prices": prices,
            "drivers": [f"driver-{self.r.randrange(10**9)}" for _ in range(self.r.randint(1, 4))],
            "opens": self.r.randint(5, 8),
        }

    def _any_time(self) -> datetime:
        return self.start + timedelta(days=self.days * self.r.random())

    def _hour(self, vendor: dict[str, Any], at: datetime) -> datetime:
        if self.by_night:
            return at
        return at.replace(hour=(vendor["opens"] + int(self.r.triangular(0, 13, 4))) % 24)

    def job(self, vendor: dict[str, Any], at: datetime, *, as_told: bool = False, **told: Any) -> dict[str, Any]:
        """Adds one event; what is told replaces what honesty would say."""
        r = self.r
        service = told.get("service") or r.choice(list(SERVICES))
        low, high = SERVICES[service]
        base = vendor["prices"][service] if self.lists else r.randrange(low, high)
        miles = 0 if r.random() < 0.4 else r.randrange(10, 60) * 95
        stamp = (at if as_told else self._hour(vendor, at)).isoformat()
        charges = [{"description": "Maut", "amount": r.randrange(300, 2_200)}] if r.random() < 0.2 else []
        work = {
            "serviceType": service,
            "duration": told.get("duration", r.randint(15, 200)),
            "photos": told.get("photos", [f"{r.randrange(10**8)}.png" for _ in range(r.choice((1, 1, 2, 2, 3, 4)))]),
            "notes": told.get("notes", r.choice(WORDS)),
        }
        detail: dict[str, Any] = {
            "incidentId": str(uuid.UUID(int=r.getrandbits(128))),
            "vendorId": vendor["id"],
            "completedAt": stamp,
            "currency": self.currency,
            "workDetails": work,
            "pricing": {
                "basePrice": told.get("base", base),
                "mileageCharge": told.get("miles", miles),
                "additionalCharges": told.get("charges", charges),
            },
        }
        if self.driver_known:
            detail["driverId"] = told.get("driver") or r.choice(vendor["drivers"])
        event_id = f"event-{len(self.events)}"
        event = {
            "id": event_id,
            "source": "roadcall.incident",
            "detail-type": "WorkCompleted",
            "time": stamp,
            "detail": detail,
        }
        self.events.append(event)
        if "pattern" in told:
            self.patterns[event_id] = told["pattern"]
        return event

    def _later(self) -> tuple[dict[str, Any], datetime]:
        return self.r.choice(self.known), self.start + timedelta(days=self.days * self.r.uniform(0.25, 0.95))

    def miles(self) -> None:
        """Mileages of one and a half to four times the base price."""
        vendor, at = self._later()
        for n in range(8):
            service = self.r.choice(list(SERVICES))
            miles = int(max(20_000, vendor["prices"][service] * self.r.uniform(1.5, 4)))
            self.job(vendor, at + timedelta(days=3 * n), service=service, miles=miles, pattern="miles")

    def again(self) -> None:
        """Bills sent once more with a percent or two on top."""
        for _ in range(8):
            old = self.r.choice(self.past)
            detail, work, pricing = old["detail"], old["detail"]["workDetails"], old["detail"]["pricing"]
            vendor = next(vendor for vendor in self.known if vendor["id"] == detail["vendorId"])
            at = datetime.fromisoformat(old["time"]) + timedelta(hours=self.r.uniform(5, 120))
            self.job(
                vendor,
                at,
                as_told=True,
                service=work["serviceType"],
                base=int(pricing["basePrice"] * self.r.uniform(1.0, 1.02)),
                miles=pricing["mileageCharge"],
                charges=pricing["additionalCharges"],
                duration=work["duration"] + self.r.randint(-3, 3),
                notes=work["notes"] + " korr.",
                pattern="again",
            )

    def below(self) -> None:
        """Eight bills within two days, each between 940 and 999."""
        vendor, at = self._later()
        for n in range(8):
            base = self.r.randrange(94_000, 99_990)
            when = at + timedelta(hours=6 * n)
            self.job(vendor, when, as_told=True, base=base, miles=0, charges=[], pattern="below")

    def crowd(self) -> None:
        """A vendor that nobody knew, with thirty jobs within five hours."""
        vendor, (_, at) = self._vendor(), self._later()
        for n in range(30):
            self.job(vendor, at + timedelta(minutes=10 * n), as_told=True, pattern="crowd")

    def nobody(self) -> None:
        """Bills from between one and four at night, of a minute's work, without a photo."""
        vendor, at = self._later()
        for n in range(6):
            night = at.replace(hour=self.r.randint(1, 3)) + timedelta(days=n)
            told = {"duration": self.r.randint(0, 3), "photos": [], "notes": ""}
            self.job(vendor, night, as_told=True, pattern="nobody", **told)

    def friends(self) -> None:
        """A driver who comes to be half as dear again, and then twice as dear."""
        vendor, at = self._later()
        driver = vendor["drivers"][0]
        for n in range(15):
            service = self.r.choice(list(SERVICES))
            top = vendor["prices"][service] if self.lists else SERVICES[service][1]
            base = int(top * (1.3 + 0.06 * n))
            self.job(vendor, at + timedelta(hours=20 * n), service=service, base=base, driver=driver, pattern="friends")
