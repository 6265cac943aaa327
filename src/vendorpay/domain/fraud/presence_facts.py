"""Whether somebody was there: how long it took, how many photos there are, at which hour it was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import Final

import msgspec

from vendorpay.domain.fraud.amount_facts import Compared, compared
from vendorpay.domain.fraud.spread import at, chance_below, share_up_to, spread_of
from vendorpay.domain.fraud.view import View
from vendorpay.domain.fraud.windows import hour_of

HOURS: Final = 24
HOUR_USUAL: Final = 0.3
HOUR_ROWS_MIN: Final = 20
"""With fewer rows nothing is said of a habit."""


class PresenceFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Durations in minutes, hours of the day in UTC."""

    duration_min: int | None
    vendor_duration: Compared | None
    """The duration beside those of the vendor's comparable rows; its chance is that of one as short. None = unknown, or
    at least the median."""
    peer_duration: Compared | None
    """Beside those of the newest 500 rows of its service type and currency."""
    cents_per_min: int | None
    peer_cents_per_min: Compared | None
    """Amount by minute beside the same rows; its chance is that of one as dear. None = unknown, or up to the median."""
    photo_count: int | None
    vendor_fewer_photos: float | None
    """The share of the vendor's rows with as few photos or fewer, this one counted in; None = no row knows."""
    peer_fewer_photos: float | None
    """The same of the service type's rows."""
    hour: int
    vendor_hour: float | None
    """The share of the vendor's rows at hours that are as rare for it as this one or rarer (each hour counts with a
    half of both its neighbours); None below HOUR_ROWS_MIN rows."""
    peer_hour: float | None
    """The same of the service type's rows; None also where the vendor's share is above HOUR_USUAL."""


def presence_facts(view: View) -> PresenceFacts:
    """The facts about presence."""
    row, peers = view.row, view.windows.peers
    per_min = None if row.duration_min is None else row.amount_cents // max(row.duration_min, 1)
    durations = sorted(each.duration_min for each in view.settled(view.comparable) if each.duration_min is not None)
    photos = sorted(each.photo_count for each in view.settled(view.before) if each.photo_count is not None)
    hour = hour_of(row.occurred_at)
    hours = [t.hour if (t := each.occurred_at).tzinfo is UTC else hour_of(t) for each in view.settled(view.before)]
    vendor_hour = rare_hour(hours, hour)
    is_usual = vendor_hour is not None and vendor_hour > HOUR_USUAL
    return PresenceFacts(
        duration_min=row.duration_min,
        vendor_duration=_as_short(durations, row.duration_min),
        peer_duration=_as_short(peers.durations_min, row.duration_min),
        cents_per_min=per_min,
        peer_cents_per_min=compared(peers.cents_per_min, per_min, above_median=True),
        photo_count=row.photo_count,
        vendor_fewer_photos=_as_few(photos, row.photo_count),
        peer_fewer_photos=_as_few(peers.photo_counts, row.photo_count),
        hour=hour,
        vendor_hour=vendor_hour,
        peer_hour=None if is_usual else rare_hour(peers.hours, hour),
    )


def rare_hour(hours: Iterable[int], hour: int) -> float | None:
    """The share of the hours that are as rare as this one or rarer; None when there are too few to tell."""
    counts = [0] * HOURS
    for each in hours:
        counts[each] += 1
    total = sum(counts)
    if total < HOUR_ROWS_MIN:
        return None
    around = [counts[n] + (counts[n - 1] + counts[(n + 1) % HOURS]) / 2 for n in range(HOURS)]
    rarer = sum(counts[n] for n in range(HOURS) if around[n] <= around[hour])
    return min(1.0, (rarer + 1) / (total + 1))


def _as_short(ordered: Sequence[int], value: int | None) -> Compared | None:
    if value is None or not ordered or value >= at(ordered, 0.5):
        return None
    spread = spread_of(ordered)
    if spread is None:
        return None
    return Compared(usual=spread, chance=chance_below(ordered, spread, value))


def _as_few(ordered: Sequence[int], value: int | None) -> float | None:
    return None if value is None or not ordered else share_up_to(ordered, value)
