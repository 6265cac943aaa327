"""How like its own work a vendor's bill is, asked of one twin after the other."""

from __future__ import annotations

import random

import msgspec

from tests.domain.fraud.rows import OTHER, START, VENDOR, a_row, months_of_work
from vendorpay.domain.fraud.duplicate_facts import Others
from vendorpay.domain.fraud.rows import FraudRow
from vendorpay.domain.fraud.words import similarity_key


def work_by_a_list(seed: int) -> list[FraudRow]:
    """Half of it at the prices of a list, with the same few drivers, photos and notes again and again."""
    chance = random.Random(seed)
    return [
        msgspec.structs.replace(
            a_row(number, row.occurred_at) if chance.random() < 0.5 else row,
            duration_min=chance.choice((45, 60, 62, None)),
            driver_id=chance.choice(("driver-1", "driver-2", None)),
            photo_count=chance.choice((0, 2, None)),
            notes_key=chance.choice((similarity_key("flat on the rear left wheel"), similarity_key("no fuel"), None)),
        )
        for number, row in enumerate(months_of_work(seed), start=1)
        if row.vendor_id == VENDOR
    ]


def test_what_is_found_for_one_twin_says_nothing_else_about_the_next() -> None:
    found = set()
    for seed in range(1, 6):
        *rows, own = work_by_a_list(seed)
        others = Others(own, rows, rows)
        together = [others.likeness(twin) for twin in rows]
        assert together == [Others(own, rows, rows).likeness(twin) for twin in rows], f"seed {seed}"
        found.update(together)
    assert len(found) > 20, "the twins are of many kinds"


def test_work_that_took_the_same_minutes_is_rarer_than_work_that_took_about_as_long() -> None:
    own, *rows = (
        msgspec.structs.replace(a_row(number, START), duration_min=60 + number % 13 - 6) for number in range(6, 136)
    )
    others = Others(own, rows, rows)
    about, same = (msgspec.structs.replace(own, duration_min=minutes) for minutes in (66, own.duration_min))
    for one in (about, same):  # in this order, and by somebody who has heard of the other
        assert others.likeness(one) == Others(own, rows, rows).likeness(one)
    assert others.likeness(same)[0] < others.likeness(about)[0] / 3


def test_what_the_vendor_never_told_before_makes_nothing_rarer() -> None:
    """Of the vendor's own rows none tells a duration, or a mileage; the twin, which is another vendor's, does."""
    for untold in ({"duration_min": None}, {"mileage_cents": None}):
        rows = [msgspec.structs.replace(a_row(number, START), **untold) for number in range(1, 21)]
        own, twin = a_row(21, START), a_row(22, START, vendor_id=OTHER)
        quiet = msgspec.structs.replace(own, **untold)
        assert Others(own, rows, rows).likeness(twin) == Others(quiet, rows, rows).likeness(twin)
