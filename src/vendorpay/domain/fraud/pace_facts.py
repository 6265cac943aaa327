"""How much the vendor bills in which time, how long it has been known, and how busy others are."""

from __future__ import annotations

from datetime import timedelta
from statistics import median
from typing import Final

import msgspec

from vendorpay.domain.fraud.view import View
from vendorpay.domain.fraud.windows import DAY_S

OTHER_VENDORS_MIN: Final = 5
SPAN_S_MIN: Final = 6 * 3600.0
BUSY: Final = 0.9
OTHERS_KEPT_MAX: Final = 50


class PaceFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of the vendor's payments in any currency, this one left out; ages in seconds."""

    vendor_rows: int
    """How many there are before it, at most 200."""
    vendor_age_s: float | None
    """Since the vendor's first payment; None = this is the first."""
    org_age_s: float | None
    """Since the organisation's first payment; None = this is the first."""
    last_hour: int
    last_6h: int
    last_24h: int
    usual_day: float | None
    """The median of the steps of 24 hours before the last one, back to the vendor's first, at most 27; None = none."""
    busiest_day: int | None
    """The largest of them."""
    mean_day: float | None
    """Their mean."""
    others_busy_day: float | None
    """How many payments a day the vendor makes that is busier than 90 % of the others, by the organisation's newest
    500 rows; None = fewer than OTHER_VENDORS_MIN others, or too few hours of history."""
    others_days: tuple[float, ...]
    """How many payments a day each other vendor makes, the busiest 50 first; empty = likewise."""
    others: int
    """How many others there are."""


def pace_facts(view: View) -> PaceFacts:
    """The facts about pace."""
    windows = view.windows
    days = _whole_days(view)
    others_days = _others_days(view)
    return PaceFacts(
        vendor_rows=len(view.before),
        vendor_age_s=_age_s(view, first=True),
        org_age_s=_age_s(view, first=False),
        last_hour=len(view.since(view.before, timedelta(hours=1))),
        last_6h=len(view.since(view.before, timedelta(hours=6))),
        last_24h=windows.vendor_days[0] if windows.vendor_days else 0,
        usual_day=float(median(days)) if days else None,
        busiest_day=max(days) if days else None,
        mean_day=round(sum(days) / len(days), 6) if days else None,
        others_busy_day=others_days[int((1 - BUSY) * len(others_days))] if others_days else None,
        others_days=others_days[:OTHERS_KEPT_MAX],
        others=len(others_days),
    )


def _age_s(view: View, *, first: bool) -> float | None:
    since = view.windows.vendor_first_at if first else view.windows.org_first_at
    return None if since is None else max(0.0, (view.t - since).total_seconds())


def _whole_days(view: View) -> tuple[int, ...]:
    """The steps before the last 24 hours in which the vendor was known from end to end."""
    age_s = _age_s(view, first=True)
    return () if age_s is None else view.windows.vendor_days[1 : max(1, int(age_s // DAY_S))]


def _others_days(view: View) -> tuple[float, ...]:
    counts, oldest = view.windows.org_vendor_counts, view.windows.org_oldest_at
    if oldest is None or len(counts) < OTHER_VENDORS_MIN:
        return ()
    span_s = (view.t - oldest).total_seconds()
    if span_s < SPAN_S_MIN:
        return ()
    # Many vendors, few different counts.
    a_day = {count: round(count * DAY_S / span_s, 6) for count in set(counts)}
    return tuple([a_day[count] for count in counts])
