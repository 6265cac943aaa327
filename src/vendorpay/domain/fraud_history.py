"""A history of payments in memory that fills the windows of one after the other: for backtests and simulations, and
the reference that the store's SQL is compared with.

Rows are recorded in the order of their ids. What is asked for again and again is kept sorted, so that a payment costs
a fraction of a millisecond however long the history is.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from vendorpay.domain.fraud.rows import FraudRow
from vendorpay.domain.fraud.windows import (
    DAY_ROWS_MAX,
    DAYS_MAX,
    ORG_ROWS_MAX,
    PEER_ROWS_MAX,
    PERSON_ROWS_MAX,
    TWIN_ROWS_MAX,
    VENDOR_AHEAD,
    VENDOR_ROWS_MAX,
    Company,
    Measures,
    Peers,
    Windows,
    day_counts,
    measures_of,
    peers_of,
    steps_of,
    values_of,
)

Place = tuple[datetime, UUID]
KEEP_DAYS: Final = timedelta(days=DAYS_MAX)


class History:
    """The recorded rows of one organisation."""

    def __init__(self) -> None:
        self._vendors: dict[UUID, _Line] = {}
        self._incidents: dict[UUID, list[FraudRow]] = {}
        self._services: dict[tuple[str, str | None], _PeerLine] = {}
        self._persons: dict[tuple[str, str], _Line] = {}
        self._all = _OrgLine()

    def windows(self, row: FraudRow) -> Windows:
        """What was recorded so far, as seen from a row that was not."""
        t = row.occurred_at
        vendor = self._vendors.get(row.vendor_id, _NOTHING)
        peers = self._services.get((row.currency, row.service_type))
        counts, oldest = self._all.newest(t, row.vendor_id)
        return Windows(
            vendor_rows=vendor.newest_first(t + VENDOR_AHEAD, VENDOR_ROWS_MAX, including=False),
            vendor_first_at=vendor.first_at,
            vendor_days=day_counts(steps_of(vendor.times(t, DAY_ROWS_MAX), t)) if vendor.rows else (),
            incident_rows=self._same_incident(row.incident_id),
            peers=peers.newest(t) if peers is not None else Peers(),
            org_first_at=self._all.first_at,
            org_vendor_counts=counts,
            org_oldest_at=oldest,
            creator=self._company("creator", row.created_by, row),
            driver=self._company("driver", row.driver_id, row),
        )

    def record(self, row: FraudRow) -> None:
        """Puts a row on record; its id is larger than those of all rows before it."""
        self._vendors.setdefault(row.vendor_id, _Line()).put(row)
        self._incidents.setdefault(row.incident_id, []).append(row)
        self._services.setdefault((row.currency, row.service_type), _PeerLine()).put(row)
        for kind, person in (("creator", row.created_by), ("driver", row.driver_id)):
            if person is not None:
                self._persons.setdefault((kind, person), _Line()).put(row)
        self._all.put(row)

    def _same_incident(self, incident_id: UUID) -> tuple[FraudRow, ...]:
        rows = sorted(self._incidents.get(incident_id, ()), key=_place, reverse=True)
        return tuple(rows[:TWIN_ROWS_MAX])

    def _company(self, kind: str, person: str | None, row: FraudRow) -> Company | None:
        if person is None:
            return None
        line = self._persons.get((kind, person), _NOTHING)
        vendors = [each.vendor_id for each in line.newest_first(row.occurred_at, PERSON_ROWS_MAX, including=True)]
        return Company(rows=len(vendors), with_vendor=vendors.count(row.vendor_id), vendors=len(set(vendors)))


def _place(row: FraudRow) -> Place:
    return row.occurred_at, row.payment_id


class _Line:
    """Rows in the order of time."""

    def __init__(self) -> None:
        self.rows: list[FraudRow] = []

    @property
    def first_at(self) -> datetime | None:
        return self.rows[0].occurred_at if self.rows else None

    def put(self, row: FraudRow) -> None:
        if not self.rows or _place(row) > _place(self.rows[-1]):
            self.rows.append(row)
        else:
            insort(self.rows, row, key=_place)

    def end(self, t: datetime, *, including: bool) -> int:
        """How many rows lie before `t`, or at it."""
        if not self.rows or self.rows[-1].occurred_at < t:
            return len(self.rows)
        find = bisect_right if including else bisect_left
        return find(self.rows, t, key=lambda row: row.occurred_at)

    def newest_first(self, t: datetime, most: int, *, including: bool) -> tuple[FraudRow, ...]:
        end = self.end(t, including=including)
        return tuple(self.rows[max(0, end - most) : end][::-1])

    def times(self, t: datetime, most: int) -> list[datetime]:
        """The newest times up to `t` that are less than KEEP_DAYS back."""
        end, start = self.end(t, including=True), t - KEEP_DAYS
        first = bisect_right(self.rows, start, hi=end, key=lambda row: row.occurred_at)
        return [row.occurred_at for row in self.rows[max(first, end - most) : end]]


_NOTHING: Final = _Line()


class _PeerLine(_Line):
    """Rows of one service type and currency, with the newest ones' measures sorted."""

    def __init__(self) -> None:
        super().__init__()
        self._window: deque[Measures] = deque()
        self._lists: tuple[list[int], ...] = tuple([] for _ in Peers.__struct_fields__)
        self._peers = Peers(**dict(zip(Peers.__struct_fields__, self._lists, strict=True)))
        self._in_order = True

    def put(self, row: FraudRow) -> None:
        in_order = not self.rows or _place(row) > _place(self.rows[-1])
        super().put(row)
        if not (self._in_order and in_order):
            self._in_order = False
            return
        self._window.append(measures_of(row))
        for values, value in zip(self._lists, values_of(self._window[-1]), strict=True):
            if value is not None:
                insort(values, value)
        if len(self._window) > PEER_ROWS_MAX:
            for values, value in zip(self._lists, values_of(self._window.popleft()), strict=True):
                if value is not None:
                    del values[bisect_left(values, value)]

    def newest(self, t: datetime) -> Peers:
        """The window as seen from `t`. Its lists are ours and move on: they are to be read before the next `put`."""
        if self._in_order and (not self.rows or self.rows[-1].occurred_at <= t):
            return self._peers
        return peers_of(measures_of(row) for row in self.newest_first(t, PEER_ROWS_MAX, including=True))


class _OrgLine(_Line):
    """All rows, with the newest ones' vendors counted."""

    def __init__(self) -> None:
        super().__init__()
        self._window: deque[UUID] = deque()
        self._counts: dict[UUID, int] = {}
        self._in_order = True

    def put(self, row: FraudRow) -> None:
        in_order = not self.rows or _place(row) > _place(self.rows[-1])
        super().put(row)
        self._in_order = self._in_order and in_order
        if not self._in_order:
            return
        self._window.append(row.vendor_id)
        self._counts[row.vendor_id] = self._counts.get(row.vendor_id, 0) + 1
        if len(self._window) > ORG_ROWS_MAX:
            left = self._window.popleft()
            self._counts[left] -= 1
            if not self._counts[left]:
                del self._counts[left]

    def newest(self, t: datetime, vendor_id: UUID) -> tuple[tuple[int, ...], datetime | None]:
        """How many of the newest rows up to `t` each other vendor has, and when the oldest of these rows was."""
        if self._in_order and (not self.rows or self.rows[-1].occurred_at <= t):
            counts = self._counts
            oldest = self.rows[-len(self._window)].occurred_at if self._window else None
        else:
            rows = self.newest_first(t, ORG_ROWS_MAX, including=True)
            counts = {}
            for row in rows:
                counts[row.vendor_id] = counts.get(row.vendor_id, 0) + 1
            oldest = rows[-1].occurred_at if rows else None
        others = sorted((count for vendor, count in counts.items() if vendor != vendor_id), reverse=True)
        return tuple(others), oldest
