"""Fraud to be planted: each function makes the jobs of one case of its pattern."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Final

from vendorpay.entrypoints.fraud_simulation import jobs
from vendorpay.entrypoints.fraud_simulation.jobs import Job
from vendorpay.entrypoints.fraud_simulation.vendors import make_vendor, new_uuid

Ground = Sequence[Job]
"""The honest jobs in order of time: what fraud grows on."""
Plant = Callable[[Random, Ground, datetime], list[Job]]


def _established(chance: Random, ground: Ground) -> Job:
    """A job that somebody could copy or bend, from the later nine tenths of the history."""
    return ground[chance.randrange(len(ground) // 10, len(ground))]


def inflated_mileage(chance: Random, ground: Ground, _: datetime) -> list[Job]:
    """A real job with several times the miles."""
    job = _established(chance, ground)
    miles_cents = max(job.mileage_cents, round(0.25 * job.base_cents / 25) * 25, 2_500)
    cents = round(miles_cents * chance.uniform(5, 10) / 25) * 25
    return [_again(chance, job, "inflated_mileage", timedelta(hours=chance.uniform(1, 600)), mileage_cents=cents)]


def resubmitted(chance: Random, ground: Ground, _: datetime) -> list[Job]:
    """The same work billed again, hours to days later, with small edits."""
    job = _established(chance, ground)
    base = round(job.base_cents * chance.choice((1, 1, chance.uniform(0.97, 1.04))) / 25) * 25
    notes = f"{job.notes} ({chance.choice(('second visit', 'follow-up', 'revised'))})" if job.notes else "as agreed"
    minutes = max(5, job.minutes + chance.randint(-4, 4))
    later = timedelta(hours=chance.uniform(2, 220))
    # The rest stays as it was: that is what a copy is.
    return [
        replace(
            job,
            at=job.at + later,
            pattern="resubmitted",
            base_cents=base,
            notes=notes,
            minutes=minutes,
            incident=new_uuid(chance),
        )
    ]


def split(chance: Random, ground: Ground, _: datetime) -> list[Job]:
    """One dear piece of work cut into several just under an approval limit."""
    job = _established(chance, ground)
    at, parts = job.at, []
    for _part in range(chance.randint(3, 6)):
        at += timedelta(hours=chance.uniform(0.3, 9))
        target = round(chance.uniform(90_000, 99_900) / 25) * 25
        parts.append(
            _again(chance, job, "split", at - job.at, base_cents=target - 2_500, mileage_cents=2_500, charges=())
        )
    return parts


def burst(chance: Random, ground: Ground, start: datetime) -> list[Job]:
    """A vendor nobody knew, with many jobs in hours, and then gone."""
    at = _established(chance, ground).at
    vendor = make_vendor(chance, at, start, (new_uuid(chance),))
    found = []
    for _job in range(chance.randint(15, 40)):
        at += timedelta(minutes=chance.uniform(2, 30))
        honest = jobs.honest_job(chance, vendor, at, start)
        found.append(replace(honest, pattern="burst", base_cents=round(honest.base_cents * chance.uniform(1, 1.6))))
    return found


def ghost(chance: Random, ground: Ground, start: datetime) -> list[Job]:
    """Work that nobody did: at night, in no time, without photos."""
    found = []
    day = _established(chance, ground)
    for _job in range(chance.randint(2, 6)):
        local = day.at.replace(hour=0) + timedelta(days=chance.randint(1, 5), hours=chance.uniform(1, 4))
        at = local - timedelta(hours=day.vendor.zone_h)
        job = jobs.honest_job(chance, day.vendor, at, start)
        found.append(replace(job, pattern="ghost", minutes=chance.randint(0, 4), photos=(), notes=""))
    return found


def collusion(chance: Random, ground: Ground, start: datetime) -> list[Job]:
    """A dispatcher who sends one vendor's driver to jobs at prices that rise and rise."""
    first = _established(chance, ground)
    many, at, found = chance.randint(10, 25), first.at, []
    for number in range(many):
        at += timedelta(hours=chance.uniform(8, 60))
        job = jobs.honest_job(chance, first.vendor, at, start)
        times = chance.uniform(1.5, 1.8) + 0.8 * number / many
        found.append(
            replace(
                job,
                pattern="collusion",
                base_cents=round(job.base_cents * times / 25) * 25,
                driver=first.driver,
                dispatcher=first.dispatcher,
            )
        )
    return found


PLANTS: Final[tuple[Plant, ...]] = (inflated_mileage, resubmitted, split, burst, ghost, collusion)


def _again(chance: Random, job: Job, pattern: str, later: timedelta, **changes: object) -> Job:
    """Another job like it, of another incident."""
    return jobs.moved(
        job,
        job.at + later,
        pattern,
        incident=new_uuid(chance),
        photos=jobs.photos(chance, job.vendor),
        driver=chance.choice(job.vendor.drivers),
        **changes,
    )
