"""A history of payments in memory that fills the windows of one after the other: for backtests and simulations, and
the reference that the store's SQL is compared with.

Rows are recorded in the order of their ids. What is asked for again and again is kept sorted, so that a payment costs
a fraction of a millisecond however long the history is.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Mapping
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
    values_of,
)

Place = tuple[datetime, UUID]


class History:
    """The recorded rows of one organisation."""

    def __init__(self) -> None:
        self._vendors: dict[UUID, _Line] = {}
        self._incidents: dict[UUID, list[FraudRow]] = {}
        self._services: dict[tuple[str, str | None], _PeerLine] = {}
        self._persons: dict[tuple[str, str], _CountedLine] = {}
        self._all = _CountedLine(ORG_ROWS_MAX)

    def windows(self, row: FraudRow) -> Windows:
        """What was recorded so far, as seen from a row that was not."""
        t = row.occurred_at
        vendor = self._vendors.get(row.vendor_id, _NOTHING)
        peers = self._services.get((row.currency, row.service_type))
        counts, oldest = self._all.counted(t)
        return Windows(
            vendor_rows=vendor.newest_first(t + VENDOR_AHEAD, VENDOR_ROWS_MAX, including=False),
            vendor_first_at=vendor.first_at,
            vendor_days=day_counts(vendor.steps(t)) if vendor.rows else (),
            incident_rows=self._same_incident(row.incident_id),
            peers=peers.newest(t) if peers is not None else Peers(),
            org_first_at=self._all.first_at,
            org_vendor_counts=_of_others(counts, row.vendor_id),
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
                self._persons.setdefault((kind, person), _CountedLine(PERSON_ROWS_MAX)).put(row)
        self._all.put(row)

    def _same_incident(self, incident_id: UUID) -> tuple[FraudRow, ...]:
        rows = sorted(self._incidents.get(incident_id, ()), key=_place, reverse=True)
        return tuple(rows[:TWIN_ROWS_MAX])

    def _company(self, kind: str, person: str | None, row: FraudRow) -> Company | None:
        if person is None:
            return None
        line = self._persons.get((kind, person))
        if line is None:
            return Company(rows=0, with_vendor=0, vendors=0)
        counts, _ = line.counted(row.occurred_at)
        return Company(rows=sum(counts.values()), with_vendor=counts.get(row.vendor_id.int, 0), vendors=len(counts))


def _place(row: FraudRow) -> Place:
    return row.occurred_at, row.payment_id


def _of_others(counts: Mapping[int, int], vendor_id: UUID) -> tuple[int, ...]:
    own = vendor_id.int
    return tuple(sorted([count for vendor, count in counts.items() if vendor != own], reverse=True))


class _Line:
    """Rows in the order of time."""

    def __init__(self) -> None:
        self.rows: list[FraudRow] = []
        self.times: list[datetime] = []

    @property
    def first_at(self) -> datetime | None:
        return self.times[0] if self.times else None

    def put(self, row: FraudRow) -> bool:
        """Takes a row in; returns whether it is the last in time."""
        if not self.rows or _place(row) > _place(self.rows[-1]):
            self.rows.append(row)
            self.times.append(row.occurred_at)
            return True
        insort(self.rows, row, key=_place)
        insort(self.times, row.occurred_at)
        return False

    def end(self, t: datetime, *, including: bool) -> int:
        """How many rows lie before `t`, or at it."""
        return bisect_right(self.times, t) if including else bisect_left(self.times, t)

    def newest_first(self, t: datetime, most: int, *, including: bool) -> tuple[FraudRow, ...]:
        end = self.end(t, including=including)
        return tuple(self.rows[max(0, end - most) : end][::-1])

    def steps(self, t: datetime) -> dict[int, int]:
        """How many of the newest DAY_ROWS_MAX rows up to `t` lie in each step of 24 hours back from it."""
        end = self.end(t, including=True)
        oldest, counts = max(0, end - DAY_ROWS_MAX), {}
        for step in range(DAYS_MAX):
            start = max(oldest, bisect_right(self.times, t - timedelta(days=step + 1), hi=end))
            if end > start:
                counts[step] = end - start
            end = start
        return counts


_NOTHING: Final = _Line()


class _PeerLine(_Line):
    """Rows of one service type and currency, with the newest ones' measures sorted."""

    def __init__(self) -> None:
        super().__init__()
        self._window: deque[Measures] = deque()
        self._lists: tuple[list[int], ...] = tuple([] for _ in Peers.__struct_fields__)
        self._peers = Peers(**dict(zip(Peers.__struct_fields__, self._lists, strict=True)))
        self._in_order = True

    def put(self, row: FraudRow) -> bool:
        self._in_order = super().put(row) and self._in_order
        if not self._in_order:
            return False
        self._window.append(measures_of(row))
        for values, value in zip(self._lists, values_of(self._window[-1]), strict=True):
            if value is not None:
                insort(values, value)
        if len(self._window) > PEER_ROWS_MAX:
            for values, value in zip(self._lists, values_of(self._window.popleft()), strict=True):
                if value is not None:
                    del values[bisect_left(values, value)]
        return True

    def newest(self, t: datetime) -> Peers:
        """The window as seen from `t`. Its lists are ours and move on: they are to be read before the next `put`."""
        if self._in_order and (not self.rows or self.times[-1] <= t):
            return self._peers
        return peers_of(measures_of(row) for row in self.newest_first(t, PEER_ROWS_MAX, including=True))


class _CountedLine(_Line):
    """Rows with the newest ones' vendors counted."""

    def __init__(self, rows_max: int) -> None:
        super().__init__()
        self._rows_max = rows_max
        self._window: deque[int] = deque()
        self._counts: dict[int, int] = {}
        self._in_order = True

    def put(self, row: FraudRow) -> bool:
        self._in_order = super().put(row) and self._in_order
        if not self._in_order:
            return False
        vendor = row.vendor_id.int
        self._window.append(vendor)
        self._counts[vendor] = self._counts.get(vendor, 0) + 1
        if len(self._window) > self._rows_max:
            left = self._window.popleft()
            self._counts[left] -= 1
            if not self._counts[left]:
                del self._counts[left]
        return True

    def counted(self, t: datetime) -> tuple[Mapping[int, int], datetime | None]:
        """How many of the newest rows up to `t` each vendor has, by its id as a number, and the time of the oldest."""
        if self._in_order and (not self.rows or self.times[-1] <= t):
            return self._counts, self.times[-len(self._window)] if self._window else None
        rows = self.newest_first(t, self._rows_max, including=True)
        counts: dict[int, int] = {}
        for row in rows:
            counts[row.vendor_id.int] = counts.get(row.vendor_id.int, 0) + 1
        return counts, rows[-1].occurred_at if rows else None
