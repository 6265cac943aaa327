"""The peers of several payments, one after the other: windows on the same rows, each of them sorted but once."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from typing import Final

from vendorpay.domain.fraud.windows import Peers

MOVES_MAX: Final = 60
"""From so many rows on that come or go, sorting anew costs less than putting each in its place."""


def value_columns(
    amounts_cents: Sequence[int],
    bases_cents: Sequence[int | None],
    mileages_cents: Sequence[int | None],
    durations_min: Sequence[int | None],
    photo_counts: Sequence[int | None],
    hours: Sequence[int],
) -> tuple[Sequence[int | None], ...]:
    """What rows bring to each list of Peers, in the order of its fields (`windows.values_of`, for many at once)."""
    permilles = [
        None if mileage is None or not base else mileage * 1000 // base
        for mileage, base in zip(mileages_cents, bases_cents, strict=True)
    ]
    by_hour = [
        None if mileage is None or minutes is None else mileage * 60 // (minutes if minutes > 1 else 1)
        for mileage, minutes in zip(mileages_cents, durations_min, strict=True)
    ]
    per_min = [
        None if minutes is None else amount // (minutes if minutes > 1 else 1)
        for amount, minutes in zip(amounts_cents, durations_min, strict=True)
    ]
    return amounts_cents, mileages_cents, permilles, by_hour, durations_min, per_min, photo_counts, hours


class PeerLists:
    """Rows by their values, newest first; `of` is asked for window after window, which differ by few rows."""

    def __init__(self, columns: Iterable[Sequence[int | None]]) -> None:
        self._columns = tuple(columns)
        self._inside: frozenset[int] = frozenset()
        self._lists: list[list[int]] = [[] for _ in self._columns]

    def of(self, inside: Iterable[int]) -> Peers:
        """The window of the rows with these numbers."""
        wanted = frozenset(inside)
        come, gone = wanted - self._inside, self._inside - wanted
        if len(come) + len(gone) > MOVES_MAX:
            self._lists = [
                sorted([value for value in map(column.__getitem__, wanted) if value is not None])
                for column in self._columns
            ]
        else:
            for column, values in zip(self._columns, self._lists, strict=True):
                _move(values, [column[n] for n in come], [column[n] for n in gone])
        self._inside = wanted
        # Copies: ours move on.
        return Peers(**{name: [*values] for name, values in zip(Peers.__struct_fields__, self._lists, strict=True)})


def _move(values: list[int], come: Iterable[int | None], gone: Iterable[int | None]) -> None:
    for value in gone:
        if value is not None:
            del values[bisect_left(values, value)]
    for value in come:
        if value is not None:
            insort(values, value)
