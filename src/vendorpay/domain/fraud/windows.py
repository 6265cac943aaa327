"""What of the history is looked at for one payment: bounded windows of rows, the same from memory and from SQL.

Everything here is of the payment's own organisation and leaves the payment itself out. `Known` rows are those that
were recorded before it (smaller payment_id): so that scoring it again, or a replay, sees what was seen the first time.
`t` is the payment's occurred_at. Rows are in the order (occurred_at, payment_id), newest first.

`fraud_history.History` fills them from memory and is the reference; the SQL of the store must fill them equally.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

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


class Measures(NamedTuple):
    """Of one row, what others of its service type are compared by; made by `measures_of`."""

    amount_cents: int
    base_cents: int | None
    mileage_cents: int | None
    duration_min: int | None
    photo_count: int | None
    hour: int
    """Of occurred_at, UTC."""


class Peers(msgspec.Struct, frozen=True, kw_only=True):
    """Of the known rows of the same service type and currency with occurred_at <= t, the newest PEER_ROWS_MAX.

    Rows of an unknown service type are a group of their own. Each list is sorted, and leaves rows out that do not know
    the value. `peers_of` makes it from the rows' measures.
    """

    amounts_cents: Sequence[int] = ()
    mileages_cents: Sequence[int] = ()
    mileages_permille: Sequence[int] = ()
    """Mileage in thousandths of the base price."""
    mileages_by_hour: Sequence[int] = ()
    """Mileage by hour of the work's duration: who drove far was away for long."""
    durations_min: Sequence[int] = ()
    cents_per_min: Sequence[int] = ()
    photo_counts: Sequence[int] = ()
    hours: Sequence[int] = ()


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
    """Of the organisation's known rows with occurred_at <= t, the newest ORG_ROWS_MAX: how many each *other* vendor
    has, largest first."""
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


def measures_of(row: FraudRow) -> Measures:
    """The measures of a row."""
    return Measures(
        row.amount_cents, row.base_cents, row.mileage_cents, row.duration_min, row.photo_count, hour_of(row.occurred_at)
    )


def hour_of(at: datetime) -> int:
    """The hour of the day, UTC."""
    return at.hour if at.tzinfo is UTC else at.astimezone(UTC).hour


def values_of(measures: Measures) -> tuple[int | None, ...]:
    """What one row brings to each list of Peers, in the order of its fields; None where it is unknown."""
    amount, base, mileage, duration, photos, hour = measures
    permille = None if mileage is None or not base else mileage * 1000 // base
    per_min = None if duration is None else amount // max(duration, 1)
    by_hour = None if mileage is None or duration is None else mileage * 60 // max(duration, 1)
    return amount, mileage, permille, by_hour, duration, per_min, photos, hour


def peers_of(rows: Iterable[Measures]) -> Peers:
    """The window from the measures of its rows, in any order."""
    columns = zip(*map(values_of, rows), strict=True)
    lists = [sorted(value for value in column if value is not None) for column in columns]
    return Peers(**dict(zip(Peers.__struct_fields__, lists, strict=False)))
