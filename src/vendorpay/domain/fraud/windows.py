"""What of the history is looked at for one payment: bounded windows of rows, the same from memory and from SQL.

Everything here is of the payment's own organisation and leaves the payment itself out. `Known` rows are those that
were recorded before it (smaller payment_id): so that scoring it again, or a replay, sees what was seen the first time.
`t` is the payment's occurred_at. Rows are in the order (occurred_at, payment_id), newest first.

`fraud_history.History` fills them from memory and is the reference; the SQL of the store must fill them equally.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from vendorpay.domain.fraud.rows import FraudRow

VENDOR_ROWS_MAX: Final = 200
VENDOR_AHEAD: Final = timedelta(days=14)
PEER_ROWS_MAX: Final = 500
TWIN_ROWS_MAX: Final = 20
ORG_ROWS_MAX: Final = 500
PERSON_ROWS_MAX: Final = 200
DAYS_MAX: Final = 28
DAY_ROWS_MAX: Final = 2_000
DAY_S: Final = 86_400


class Peers(msgspec.Struct, frozen=True, kw_only=True):
    """Of the known rows of the same service type and currency with occurred_at <= t, the newest PEER_ROWS_MAX.

    Rows of an unknown service type are a group of their own. Each list is sorted, and leaves rows out that do not know
    the value.
    """

    amounts_cents: Sequence[int] = ()
    bases_cents: Sequence[int] = ()
    mileages_cents: Sequence[int] = ()
    durations_min: Sequence[int] = ()
    photo_counts: Sequence[int] = ()


class Company(msgspec.Struct, frozen=True, kw_only=True):
    """How much a person (creator or driver) has to do with the vendor.

    Of the known rows of that person with occurred_at <= t, the newest PERSON_ROWS_MAX.
    """

    rows: int
    """How many there are."""
    with_vendor: int
    """How many of them are of the payment's vendor."""
    vendors: int
    """How many different vendors they are of."""


class Windows(msgspec.Struct, frozen=True, kw_only=True):
    """The history that one payment is held against. The defaults are those of a payment without any."""

    vendor_rows: tuple[FraudRow, ...] = ()
    """Known rows of the vendor in any currency with occurred_at < t + VENDOR_AHEAD, the newest VENDOR_ROWS_MAX."""
    vendor_first_at: datetime | None = None
    """The smallest occurred_at of the vendor's known rows."""
    vendor_days: tuple[int, ...] = ()
    """How many known rows of the vendor there are in each of the DAYS_MAX steps of 24 hours back from t, the first one
    being t - 24 h < occurred_at <= t; from the newest DAY_ROWS_MAX rows (`day_counts`). Empty = none was asked for."""
    incident_rows: tuple[FraudRow, ...] = ()
    """Known rows of the same incident, of any vendor, whenever; the newest TWIN_ROWS_MAX."""
    peers: Peers = Peers()
    org_first_at: datetime | None = None
    """The smallest occurred_at of the organisation's known rows."""
    org_vendor_counts: tuple[int, ...] = ()
    """Of the organisation's known rows with occurred_at <= t, the newest ORG_ROWS_MAX: how many each *other* vendor has,
    largest first."""
    org_oldest_at: datetime | None = None
    """The occurred_at of the oldest of those newest ORG_ROWS_MAX rows (the payment's vendor's among them)."""
    creator: Company | None = None
    """Of created_by; None when that is unknown."""
    driver: Company | None = None
    """Of driver_id; None when that is unknown."""
    account_changed_at: datetime | None = None
    """When the vendor's payee account last changed, as known at t; None = unknown, or never."""


def day_counts(steps: Mapping[int, int]) -> tuple[int, ...]:
    """`vendor_days` from how many of the newest DAY_ROWS_MAX rows with t - DAYS_MAX days < occurred_at <= t lie in each
    step, where a row's step is floor(seconds from occurred_at to t / DAY_S): 0 is the last 24 hours.

    When there were as many rows as are looked at, the steps from the oldest one's on are not known whole and left out.
    """
    whole = DAYS_MAX if sum(steps.values()) < DAY_ROWS_MAX else max(1, max(steps))
    return tuple(steps.get(step, 0) for step in range(whole))


def steps_of(times: Iterable[datetime], t: datetime) -> dict[int, int]:
    """The argument of `day_counts` from the newest DAY_ROWS_MAX times before `t`."""
    counts: dict[int, int] = {}
    for at in times:
        step = int((t - at).total_seconds() // DAY_S)
        if 0 <= step < DAYS_MAX:
            counts[step] = counts.get(step, 0) + 1
    return counts
