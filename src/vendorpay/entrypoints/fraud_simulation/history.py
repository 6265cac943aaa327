"""A whole labelled history from a seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from vendorpay.entrypoints.fraud_simulation import jobs
from vendorpay.entrypoints.fraud_simulation.jobs import Job
from vendorpay.entrypoints.fraud_simulation.plants import PLANTS
from vendorpay.entrypoints.fraud_simulation.vendors import make_vendors, new_uuid

START: Final = datetime(2026, 1, 5, tzinfo=UTC)
PAYMENTS_PER_VENDOR_DAY: Final = 3.5
VENDORS_MIN: Final = 8


@dataclass(frozen=True)
class Wish:
    """What kind of history."""

    payments: int
    planted: float
    seed: int
    days: int = 200


@dataclass(frozen=True)
class Labelled:
    """One event and its truth."""

    event: dict[str, Any]
    pattern: str


def simulate(wish: Wish) -> Iterator[Labelled]:
    """The events of a history in order of time."""
    chance = Random(wish.seed)  # noqa: S311  # nothing secret hangs on it
    false = round(wish.payments * wish.planted)
    honest = _honest(chance, wish, wish.payments - false)
    work = sorted([*honest, *_planted(chance, honest, false)], key=lambda job: job.at)
    for job in work:
        yield Labelled(job.event(new_uuid(chance)), job.pattern)


def _honest(chance: Random, wish: Wish, many: int) -> list[Job]:
    span = timedelta(days=wish.days)
    vendors = make_vendors(chance, max(VENDORS_MIN, round(many / wish.days / PAYMENTS_PER_VENDOR_DAY)), START, span)
    volumes = [vendor.volume * (START + span - vendor.opens_at) / span for vendor in vendors]
    found = [
        jobs.honest_job(chance, vendor, jobs.honest_time(chance, vendor, START, span), START)
        for vendor in chance.choices(vendors, volumes, k=many)
    ]
    return sorted(found, key=lambda job: job.at)


def _planted(chance: Random, honest: list[Job], many: int) -> list[Job]:
    """As many false jobs, about as many of each pattern."""
    found: list[Job] = []
    for number, plant in enumerate(PLANTS, start=1):
        until = many * number // len(PLANTS)
        while len(found) < until and honest:
            found += plant(chance, honest, START)[: until - len(found)]
    return found
