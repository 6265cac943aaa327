"""Whether the same work was billed before: the same incident, the same lines, or something very like it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any, Final
from uuid import UUID

import msgspec

from vendorpay.domain.fraud.rows import FraudRow
from vendorpay.domain.fraud.view import View
from vendorpay.domain.fraud.words import differing_bits

AROUND: Final = timedelta(days=28)
NEAR: Final = 0.1
"""How far a copy's amount may be from the original's, as a share."""
COMPARED_MIN: Final = 8
"""With fewer rows to compare with, nothing is said about how rare a likeness is."""
ALIKE_MIN: Final = 4
"""A likeness in several traits at once tells more."""
NOTES_BITS_MAX: Final = 20
"""Up to how many bits of their keys notes are taken for edits of one another; without a common word about 32 differ."""
MINUTES_NEAR: Final = 4
SAME_PHOTOS_MAX: Final = 2
"""Names that come more often are no names: image1.jpg."""


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
    """The nearest in time with the same currency and lines, of another incident, within 28 days."""
    same_lines_chance: float | None
    """How many of these are to be expected by how often the vendor's bills repeat, and by what else is as it was or is
    not (`_otherwise`); None = too few rows to tell."""
    alike: Twin | None
    """The one within 28 days, of another incident, whose likeness is the least to be expected."""
    alike_chance: float | None
    """How many bills so like the payment are to be expected among those it was compared with."""
    alike_in: tuple[str, ...]
    """In what they are alike."""
    same_photos: Twin | None
    """One of another incident, of the same service type and about the same amount, that shares a photo's name, where
    hardly another bill of the vendor has it."""


def duplicate_facts(view: View) -> DuplicateFacts:
    """The facts about duplicates."""
    row = view.row
    around = _around(view)
    same_lines = [each for each in around if each.lines_key == row.lines_key and each.incident_id != row.incident_id]
    alike, chance, traits = _most_alike(view, around)
    nearest = min(same_lines, key=lambda each: abs(view.t - each.occurred_at), default=None)
    incident = [each for each in view.windows.incident_rows if each.live]
    of_vendor = [each for each in incident if each.vendor_id == row.vendor_id]
    return DuplicateFacts(
        same_incident=_nearest(view, of_vendor),
        incident_vendors=len({each.vendor_id for each in incident} - {row.vendor_id}),
        same_lines=None if nearest is None else _twin(view, nearest),
        same_lines_chance=None if nearest is None else _repeats(view, len(around), nearest),
        alike=None if alike is None else _twin(view, alike),
        alike_chance=chance,
        alike_in=traits,
        same_photos=_same_photos(view, around),
    )


def _around(view: View) -> list[FraudRow]:
    """The vendor's live rows of the currency within AROUND, the nearest in time first."""
    t, currency = view.t, view.row.currency
    rows, start = view.windows.vendor_rows, t - AROUND
    found = []
    for each in rows:
        if each.occurred_at < start:
            break
        if each.live and each.currency == currency:
            found.append(each)
    if found and found[0].occurred_at > t:
        found.sort(key=lambda each: abs(t - each.occurred_at))
    return found


def _twin(view: View, row: FraudRow) -> Twin:
    apart_s = abs((view.t - row.occurred_at).total_seconds())
    return Twin(payment_id=row.payment_id, apart_s=apart_s, amount_cents=row.amount_cents)


def _nearest(view: View, rows: Sequence[FraudRow]) -> Twin | None:
    return min((_twin(view, row) for row in rows), key=lambda twin: twin.apart_s, default=None)


OTHERWISE_TIMES: Final = 3.0
"""A copy that differs from its original in the driver, in the time it took or in all photos is as much rarer than one
that does not."""


def _otherwise(row: FraudRow, twin: FraudRow) -> float:
    """How much less is to be made of a likeness by what is not alike, where both sides know it."""
    differ = (
        (row.driver_id, twin.driver_id, row.driver_id != twin.driver_id),
        (row.photos_key, twin.photos_key, row.photos_key != twin.photos_key),
        (row.duration_min, twin.duration_min, not _as_long(row, twin)),
    )
    return float(OTHERWISE_TIMES ** sum(1 for own, other, is_other in differ if is_other and None not in (own, other)))


def _as_long(row: FraudRow, twin: FraudRow) -> bool:
    own, other = row.duration_min or 0, twin.duration_min or 0
    return abs(own - other) <= MINUTES_NEAR + BOXES[0] * own


def _repeats(view: View, others: int, twin: FraudRow) -> float | None:
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
    share = max(pairs, (own if rows is older else max(0, own - 1)) / total, 1 / (total * total))
    return round(share * others * _otherwise(view.row, twin), 9)


def _most_alike(view: View, around: Sequence[FraudRow]) -> tuple[FraudRow | None, float | None, tuple[str, ...]]:
    """The least expected likeness among those around of the same service type and about the same amount."""
    row, rows = view.row, view.comparable
    if len(rows) < ALIKE_MIN:
        return None, None, ()
    least, most = row.amount_cents * (1 - NEAR), row.amount_cents * (1 + NEAR)
    others: Others | None = None
    best: tuple[float, FraudRow, tuple[str, ...]] | None = None
    for tries, each in enumerate(around, start=1):
        # Among as many as the vendor billed in the time between, it could have been any.
        near = least <= each.amount_cents <= most and each.service_type == row.service_type
        if not near or each.incident_id == row.incident_id:
            continue
        others = others or Others(row, rows, view.same_currency)
        chance, traits = others.likeness(each)
        chance *= _otherwise(row, each)
        if best is None or chance * tries < best[0]:
            best = (chance * tries, each, traits)
    return (None, None, ()) if best is None else (best[1], round(min(1.0, best[0]), 12), best[2])


TRAITS: Final = ("base price", "mileage", "other charges", "duration")
DURATION: Final = TRAITS.index("duration")
Traits = tuple[int, int | None, int | None, int | None]


def _traits(row: FraudRow) -> Traits:
    """What copies are compared by; None = unknown."""
    base, mileage = row.base_cents, row.mileage_cents
    if base is None:
        return row.amount_cents, mileage, None, row.duration_min
    return base, mileage, None if mileage is None else row.amount_cents - base - mileage, row.duration_min


BOXES: Final = (0.06, 0.025, 0.005)
"""How near a copy may be in each trait, as a share: edited, edited a little, to the cent."""
LOOSE_TRAITS_MAX: Final = 1
"""In how many traits a copy may be something else."""
SAME_TIMES: Final = 2.0
"""As much less is made of a trait that is the same to the cent, for it could have been any of them."""
FAR_NEAR: Final = 0.25
"""Within which part of a mileage another one is as far."""
TELLING: Final = 0.25
"""A trait is worth a word when at most this share is as near in it."""


class Others:
    """The vendor's comparable rows by their traits, to tell how many are as near to the payment as one of them.

    What is found for one twin is kept for the next: a vendor who bills by a list has two hundred that are alike.
    """

    def __init__(self, row: FraudRow, rows: Sequence[FraudRow], kin: Sequence[FraudRow]) -> None:
        self._row, self._rows, self._kin = row, rows, kin
        self._pairs: dict[int, float] = {}
        self._as_far: dict[int, float] = {}
        self._near: dict[Traits, tuple[float, tuple[str, ...]] | None] = {}
        columns = zip(*map(_traits, rows), strict=True)
        # What none of the rows tells is nothing to compare by: a vendor may begin to say how long work takes.
        self._traits = [
            (number, own, told)
            for number, (own, column) in enumerate(zip(_traits(row), columns, strict=True))
            if own is not None and (told := sorted([value for value in column if value is not None]))
        ]

    def likeness(self, twin: FraudRow) -> tuple[float, tuple[str, ...]]:
        """The chance that another row is as like the payment as the twin, and in what the twin is like it."""
        traits = _traits(twin)
        if traits not in self._near:
            self._near[traits] = self._nearest_box(traits)
        if (nearest := self._near[traits]) is None:
            return 1.0, ()
        chance, telling = nearest
        for name, share in self._same(twin).items():
            chance *= share
            telling = (*telling, name)
        return min(1.0, chance * len(BOXES)), telling

    def _nearest_box(self, traits: Traits) -> tuple[float, tuple[str, ...]] | None:
        """The box with these traits that the fewest rows are in; None where they are in none."""
        found = []
        for box in BOXES:
            inside = self._within(traits, box)
            if inside is None:  # nor is it in a smaller one
                break
            found.append(inside)
        return min(found, default=None)

    def _within(self, traits: Traits, box: float) -> tuple[float, tuple[str, ...]] | None:
        """The share of rows that are within the box around the payment in all the traits that the twin is; None when
        the twin is outside it in too many."""
        chance, loose, telling = 1.0, 0, []
        for number, own, ordered in self._traits:
            if (value := traits[number]) is None:
                continue
            reach = int(box * own) + (MINUTES_NEAR if number == DURATION and box > BOXES[-1] else 0)
            if abs(own - value) > reach:
                loose += 1
                if loose > LOOSE_TRAITS_MAX:
                    return None
                continue
            # The twin itself, being one of them, stands for the one that was not seen.
            share = max(1, bisect_right(ordered, own + reach) - bisect_left(ordered, own - reach)) / len(ordered)
            if value == own and number != DURATION:
                share = min(share, SAME_TIMES * self._same_by_chance(number))
            if number == DURATION and loose == 0 and self._row.mileage_cents:
                share = max(share, self._as_long_as_far(own, reach))
            chance *= share
            if share <= TELLING:
                telling.append(TRAITS[number])
        return chance * (len(self._traits) if loose else 1), tuple(telling)

    def _same_by_chance(self, number: int) -> float:
        """How often two of the vendor's rows of one service agree in a trait to the cent, by all such pairs: what never
        did hardly will now, and what is from a list does all the time. 1 where it is 0, which is no figure to copy."""
        if (found := self._pairs.get(number)) is not None:
            return found
        own = _traits(self._row)[number]
        values = [(service, value) for service, traits in self._kin_traits if (value := traits[number])]
        # The one pair more stands for the one in question.
        equal, pairs = _pairs(Counter(values)) + 1, _pairs(Counter([service for service, _ in values])) + 1
        again = sum(1 for each in values if each == (self._row.service_type, own)) - 1
        self._pairs[number] = max(equal / pairs, again / len(self._rows)) if own else 1.0
        return self._pairs[number]

    @cached_property
    def _kin_traits(self) -> list[tuple[str | None, Traits]]:
        return [(each.service_type, _traits(each)) for each in self._kin]

    def _as_long_as_far(self, own: int, reach: int) -> float:
        """The share of rows that take as long, of those that are as far: how long work takes goes with the way to it.
        0 where too few are."""
        if (found := self._as_far.get(reach)) is None:
            found = self._as_far[reach] = self._share_as_long(own, reach)
        return found

    def _share_as_long(self, own: int, reach: int) -> float:
        far = self._row.mileage_cents or 0
        least, most = far * (1 - FAR_NEAR), far * (1 + FAR_NEAR)
        as_far = [
            one.duration_min
            for one in self._rows
            if one.mileage_cents is not None and one.duration_min is not None and least <= one.mileage_cents <= most
        ]
        if len(as_far) < COMPARED_MIN:
            return 0.0
        # One of them is the twin, which is as long as it is far or would not be asked about.
        return (sum(1 for minutes in as_far if abs(minutes - own) <= reach) - 1) / (len(as_far) - 1)

    def _same(self, twin: FraudRow) -> dict[str, float]:
        """Of what is the same or not: the share of rows that have it too, where the twin has it."""
        row, found = self._row, {}
        own, other = row.notes_key, twin.notes_key
        if own is not None and other is not None and differing_bits(own, other) <= NOTES_BITS_MAX:
            found["notes"] = self._notes_share
        if row.driver_id is not None and twin.driver_id == row.driver_id:
            found["driver"] = self._driver_share
        if row.photo_count is not None and twin.photo_count == row.photo_count:
            found["photos"] = self._photos_share
        return found

    @cached_property
    def _driver_share(self) -> float:
        return max(1, sum(1 for one in self._rows if one.driver_id == self._row.driver_id)) / len(self._rows)

    @cached_property
    def _photos_share(self) -> float:
        return max(1, sum(1 for one in self._rows if one.photo_count == self._row.photo_count)) / len(self._rows)

    @cached_property
    def _notes_share(self) -> float:
        """The share of rows whose notes are near the payment's, as the twin's are.

        Where no row has the payment's own, the twin's may have been edited: that is no commoner than notes are which
        were never written before (as many as were written once, after Good 1953).
        """
        own = self._row.notes_key
        assert own is not None, "notes are compared where the payment has some"
        keys = [one.notes_key for one in self._rows if one.notes_key is not None]
        share = max(1, sum(1 for key in keys if differing_bits(own, key) <= NOTES_BITS_MAX)) / max(1, len(self._rows))
        if own in keys or not keys:
            return share
        once = sum(1 for seen in Counter(keys).values() if seen == 1)
        return min(share, (once + 1) / (len(keys) + 1))


def _pairs(counts: Counter[Any]) -> int:
    return sum(count * (count - 1) for count in counts.values()) // 2


def _same_photos(view: View, around: Sequence[FraudRow]) -> Twin | None:
    key, incident_id = view.row.photos_key, view.row.incident_id
    if key is None:
        return None
    row = view.row
    same = [
        each
        for each in around
        if each.photos_key == key
        and each.incident_id != incident_id
        and each.service_type == row.service_type
        and abs(each.amount_cents - row.amount_cents) <= NEAR * row.amount_cents
    ]
    if not same:
        return None
    everywhere = sum(1 for each in view.windows.vendor_rows if each.photos_key == key)
    return _nearest(view, same) if everywhere <= SAME_PHOTOS_MAX else None
