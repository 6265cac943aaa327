"""Whether the same work was billed before: the same incident, the same lines, or something very like it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from vendorpay.domain.fraud.chance import together
from vendorpay.domain.fraud.rows import FraudRow
from vendorpay.domain.fraud.view import View
from vendorpay.domain.fraud.words import differing_bits

AROUND: Final = timedelta(days=14)
NEAR: Final = 0.12
"""How far a copy's amount may be from the original's, as a share."""
COMPARED_MIN: Final = 8
"""With fewer rows to compare with, nothing is said about how rare a likeness is."""
NOTES_BITS_MAX: Final = 12
DURATION_NEAR_MIN: Final = 0


class Twin(msgspec.Struct, frozen=True, kw_only=True):
    """Another payment that may be for the same work."""

    payment_id: UUID
    apart_s: float
    """How far its time is from the payment's."""
    amount_cents: int


class DuplicateFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Twins are live, of the same vendor, and were recorded before the payment."""

    same_incident: Twin | None
    """The newest of the same incident and vendor."""
    incident_vendors: int
    """How many other vendors billed the incident."""
    same_lines: Twin | None
    """The nearest in time with the same currency and lines, of another incident, within 14 days."""
    same_lines_chance: float | None
    """How many of these are to be expected by how often the vendor's bills repeat; None = too few rows to tell."""
    alike: Twin | None
    """The one within 14 days, of another incident, whose likeness is the least to be expected."""
    alike_chance: float | None
    """How many bills so like the payment are to be expected among those it was compared with."""
    alike_in: tuple[str, ...]
    """In what they are alike."""
    same_photos: Twin | None
    """One of another incident with photos of the same names, where hardly another bill of the vendor has them."""


def duplicate_facts(view: View) -> DuplicateFacts:
    """The facts about duplicates."""
    row = view.row
    around = [each for each in view.windows.vendor_rows if abs(each.occurred_at - view.t) <= AROUND]
    others = [
        each for each in around if each.live and each.currency == row.currency and each.incident_id != row.incident_id
    ]
    same_lines = [each for each in others if each.lines_key == row.lines_key]
    alike, chance, traits = _most_alike(view, others)
    incident = [each for each in view.windows.incident_rows if each.live]
    of_vendor = [each for each in incident if each.vendor_id == row.vendor_id]
    return DuplicateFacts(
        same_incident=_nearest(view, of_vendor),
        incident_vendors=len({each.vendor_id for each in incident} - {row.vendor_id}),
        same_lines=_nearest(view, same_lines),
        same_lines_chance=_repeats(view, len(others)) if same_lines else None,
        alike=None if alike is None else _twin(view, alike),
        alike_chance=chance,
        alike_in=traits,
        same_photos=_same_photos(view, others),
    )


def _twin(view: View, row: FraudRow) -> Twin:
    apart_s = abs((view.t - row.occurred_at).total_seconds())
    return Twin(payment_id=row.payment_id, apart_s=apart_s, amount_cents=row.amount_cents)


def _nearest(view: View, rows: Sequence[FraudRow]) -> Twin | None:
    return min((_twin(view, row) for row in rows), key=lambda twin: twin.apart_s, default=None)


def _repeats(view: View, others: int) -> float | None:
    """How many bills with the same lines are to be expected among the `others`, by the vendor's older comparable rows:
    the chance that two of them are the same, times the number of others."""
    counts: dict[int, int] = {}
    older = [each for each in view.comparable if view.t - each.occurred_at > AROUND]
    rows = older if len(older) >= COMPARED_MIN else view.comparable
    for each in rows:
        counts[each.lines_key] = counts.get(each.lines_key, 0) + 1
    total = len(rows)
    if total < COMPARED_MIN:
        return None
    own = counts.get(view.row.lines_key, 0)
    pairs = sum(count * (count - 1) for count in counts.values()) / (total * (total - 1))
    return round(max(pairs, (own if rows is older else max(0, own - 1)) / total, 1 / (total * total)) * others, 9)


def _most_alike(view: View, others: Sequence[FraudRow]) -> tuple[FraudRow | None, float | None, tuple[str, ...]]:
    """The least expected likeness among the others of the same service type."""
    row = view.row
    near = [
        each
        for each in others
        if each.service_type == row.service_type
        and abs(each.amount_cents - row.amount_cents) <= NEAR * max(row.amount_cents, each.amount_cents)
    ]
    best: tuple[float, FraudRow, tuple[str, ...]] | None = None
    for each in near:
        rest = [one for one in view.comparable if one is not each]
        if len(rest) < COMPARED_MIN:
            break
        chance, traits = _likeness(row, each, rest)
        # Within the time that lies between them, how many did the vendor bill that it could have been?
        apart = abs(view.t - each.occurred_at)
        tries = sum(1 for one in others if abs(view.t - one.occurred_at) <= apart)
        expected = chance * max(1, tries)
        if best is None or expected < best[0]:
            best = (expected, each, traits)
    return (None, None, ()) if best is None else (best[1], round(min(1.0, best[0]), 12), best[2])


Trait = tuple[str, Callable[[FraudRow], int | None]]
TRAITS: Final[tuple[Trait, ...]] = (
    ("base price", lambda row: row.base_cents if row.base_cents is not None else row.amount_cents),
    ("mileage", lambda row: row.mileage_cents),
    ("other charges", lambda row: _rest_cents(row)),
    ("duration", lambda row: row.duration_min),
)


def _likeness(row: FraudRow, twin: FraudRow, rest: Sequence[FraudRow]) -> tuple[float, tuple[str, ...]]:
    """The chance that one of the rest is as like the payment as the twin, and in what the twin is."""
    chances, traits = [], []
    for name, value_of in TRAITS:
        own, other = value_of(row), value_of(twin)
        if own is None or other is None:
            continue
        reach = abs(own - other)
        values = [value for one in rest if (value := value_of(one)) is not None]
        chance = (sum(1 for value in values if abs(value - own) <= reach) + 1) / (len(values) + 1)
        chances.append(chance)
        if chance <= 0.25:
            traits.append(name)
    if row.notes_key is not None and twin.notes_key is not None:
        bits = differing_bits(row.notes_key, twin.notes_key)
        if bits <= NOTES_BITS_MAX:
            as_near = sum(
                1 for one in rest if one.notes_key is not None and differing_bits(row.notes_key, one.notes_key) <= bits
            )
            chances.append((as_near + 1) / (len(rest) + 1))
            traits.append("notes")
    return together(chances), tuple(traits)


def _rest_cents(row: FraudRow) -> int | None:
    if row.base_cents is None or row.mileage_cents is None:
        return None
    return row.amount_cents - row.base_cents - row.mileage_cents


def _same_photos(view: View, others: Sequence[FraudRow]) -> Twin | None:
    key = view.row.photos_key
    if key is None:
        return None
    same = [each for each in others if each.photos_key == key]
    everywhere = sum(1 for each in view.windows.vendor_rows if each.photos_key == key)
    return _nearest(view, same) if same and everywhere <= 2 else None
