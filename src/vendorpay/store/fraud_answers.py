"""The windows of payments that were asked for together, out of the answers to their questions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg.rows import DictRow

from vendorpay.domain.fraud.peer_lists import PeerLists, value_columns
from vendorpay.domain.fraud.rows import FraudRow
from vendorpay.domain.fraud.rule_set import RuleSet
from vendorpay.domain.fraud.windows import Company, Peers, Windows, day_counts
from vendorpay.domain.fraud_listing import Listing
from vendorpay.store.arrays import literal
from vendorpay.store.fraud_questions import (
    CREATOR,
    DRIVER,
    KINDS,
    ORG,
    PEERS,
    VENDOR,
    Kept,
    Kind,
    Late,
    Questions,
    own_rows,
)

RULE_SETS_KEPT_MAX: Final = 64

_Numbers = list[int | None]
_Ids = list[str | None]
_Times = list[datetime | None]


class _Rows(msgspec.Struct, array_like=True, frozen=True):
    """Rows column by column: their vendors, or the one of all of them, and then as the block row_columns has them."""

    vendor_ids: list[UUID]
    payment_ids: list[UUID]
    incident_ids: list[UUID]
    times: list[datetime]
    currencies: list[str]
    amounts_cents: list[int]
    service_types: list[str | None]
    bases_cents: _Numbers
    mileages_cents: _Numbers
    durations_min: _Numbers
    photo_counts: _Numbers
    creators: list[str | None]
    drivers: list[str | None]
    lines_keys: list[int]
    extras: list[tuple[str, ...]]
    notes_keys: _Numbers
    photos_keys: _Numbers
    live: list[bool]

    def each(self) -> tuple[FraudRow, ...]:
        """The rows."""
        vendor_ids, *others = (getattr(self, name) for name in self.__struct_fields__)
        if len(vendor_ids) == 1:
            vendor_ids *= len(self.payment_ids)
        return tuple(map(_row, vendor_ids, *others))


def _row(  # by name: a third of the time that FraudRow(**...) takes
    vendor_id: UUID,
    payment_id: UUID,
    incident_id: UUID,
    occurred_at: datetime,
    currency: str,
    amount_cents: int,
    service_type: str | None,
    base_cents: int | None,
    mileage_cents: int | None,
    duration_min: int | None,
    photo_count: int | None,
    created_by: str | None,
    driver_id: str | None,
    lines_key: int,
    extras: tuple[str, ...],
    notes_key: int | None,
    photos_key: int | None,
    live: bool,
) -> FraudRow:
    return FraudRow(
        payment_id=payment_id,
        vendor_id=vendor_id,
        incident_id=incident_id,
        occurred_at=occurred_at,
        currency=currency,
        amount_cents=amount_cents,
        service_type=service_type,
        base_cents=base_cents,
        mileage_cents=mileage_cents,
        duration_min=duration_min,
        photo_count=photo_count,
        created_by=created_by,
        driver_id=driver_id,
        lines_key=lines_key,
        extras=extras,
        notes_key=notes_key,
        photos_key=photos_key,
        live=live,
    )


class _Own(msgspec.Struct, array_like=True, frozen=True):
    """What no other payment asks."""

    vendor_first_at: datetime | None
    vendor_steps: dict[int, int] | None
    incident_rows: _Rows | None
    org_first_at: datetime | None


_Recorded = tuple[_Ids, _Times, list[str]]
_own: Final = msgspec.json.Decoder(_Own)
_vendor: Final = msgspec.json.Decoder(tuple[_Rows | None, tuple[Listing, ...] | None])
_peers: Final = msgspec.json.Decoder(tuple[_Ids, _Times, list[int], _Numbers, _Numbers, _Numbers, _Numbers, list[int]])
_org: Final = msgspec.json.Decoder(tuple[tuple[_Ids, _Times, list[str], list[datetime]] | None, str | None, str | None])
_person: Final = msgspec.json.Decoder(_Recorded)


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What people said of a vendor, and the rule sets of its organisation; None for the service's own, or none."""

    listings: tuple[Listing, ...]
    live: RuleSet | None
    shadow: RuleSet | None


class _TooFew(Exception):
    """Of the rows that were read together too few are this payment's."""


class Answers:
    """The questions of some payments, and what each finds in the answers."""

    def __init__(self, asked: Sequence[Kept], *, alone: bool = False) -> None:
        """With `alone` they share nothing, so that each finds its windows whole."""
        self._asked = asked
        self._questions = {kind.name: Questions(kind, asked, alone=alone) for kind in KINDS}

    def parameters(self) -> Mapping[str, str]:
        """Those of the block windows."""
        rows = [one.row for one in self._asked]
        own = {
            "own.org_id": literal(one.org_id for one in self._asked),
            "own.last_id": literal(row.payment_id for row in rows),
            "own.vendor_id": literal(row.vendor_id for row in rows),
            "own.incident_id": literal(row.incident_id for row in rows),
            "own.until": literal(row.occurred_at for row in rows),
        }
        for questions in self._questions.values():
            own |= questions.parameters()
        return own

    def read(self, found: Iterable[DictRow]) -> list[tuple[Windows, Said] | None]:
        """The windows of each payment, in their order; None of one that must ask alone."""
        texts = {(row["part"], row["n"]): row["found"] for row in found}
        shared: dict[tuple[str, int], Any] = {}
        for kind, make in _SHARED.items():
            questions = self._questions[kind.name]
            for number in range(1, len(questions) + 1):
                shared[kind.name, number] = make(texts[kind.name, number], questions, number)
        return [self._of(place, one, texts["own", place + 1], shared) for place, one in enumerate(self._asked)]

    def _of(
        self, place: int, one: Kept, own_text: str, shared: Mapping[tuple[str, int], Any]
    ) -> tuple[Windows, Said] | None:
        own, row = _own.decode(own_text), one.row

        def part(kind: Kind) -> Any:
            number = self._questions[kind.name].of[place]
            return None if number is None else shared[kind.name, number]

        vendor: _Vendor = part(VENDOR)
        org: _Org = part(ORG)
        try:
            counts, oldest_at = org.counted(row)
            windows = Windows(
                vendor_rows=vendor.newest(row),
                vendor_first_at=own.vendor_first_at,
                vendor_days=() if own.vendor_first_at is None else day_counts(own.vendor_steps or {}),
                incident_rows=() if own.incident_rows is None else own.incident_rows.each(),
                peers=part(PEERS).newest(row),
                org_first_at=own.org_first_at,
                org_vendor_counts=counts,
                org_oldest_at=oldest_at,
                creator=None if (creator := part(CREATOR)) is None else creator.company(row),
                driver=None if (driver := part(DRIVER)) is None else driver.company(row),
            )
        except _TooFew:
            return None
        return windows, Said(listings=vendor.listings, live=org.live, shadow=org.shadow)


class _Shared:
    """Rows that several payments look at."""

    def __init__(self, questions: Questions, number: int, count: int, late: Sequence[Late]) -> None:
        self._kind, self._read = questions.kind, questions.kind.read(questions.question(number))
        self._count, self._late = count, late

    def own(self, row: FraudRow) -> range | list[int]:
        """The numbers of those that are in the window of one payment, newest first. Raises _TooFew."""
        kind = self._kind
        found = own_rows(self._count, self._late, row.payment_id, kind.bound(row), most=kind.most, read=self._read)
        if found is None:
            raise _TooFew
        return found


class _Vendor(_Shared):
    def __init__(self, text: str, questions: Questions, number: int) -> None:
        found, listings = _vendor.decode(text)
        self._rows = () if found is None else found.each()
        self.listings = listings or ()
        late: list[Late] = []
        if questions.is_shared(number):
            question = questions.question(number)
            first_id = str(question.first_id)
            late = [
                Late(n, recorded, row.occurred_at)
                for n, row in enumerate(self._rows)
                if (recorded := str(row.payment_id)) >= first_id or row.occurred_at > question.since
            ]
        super().__init__(questions, number, len(self._rows), late)

    def newest(self, row: FraudRow) -> tuple[FraudRow, ...]:
        own = self.own(row)
        return self._rows[: len(own)] if isinstance(own, range) else tuple([self._rows[n] for n in own])


class _PeersOf(_Shared):
    _lists: PeerLists | None = None

    def __init__(self, text: str | None, questions: Questions, number: int) -> None:
        if text is None:
            super().__init__(questions, number, 0, ())
            return
        ids, times, amounts, bases, mileages, durations, photos, hours = _peers.decode(text)
        super().__init__(questions, number, len(ids), _late(ids, times))
        self._lists = PeerLists(value_columns(amounts, bases, mileages, durations, photos, hours))

    def newest(self, row: FraudRow) -> Peers:
        return Peers() if self._lists is None or not (own := self.own(row)) else self._lists.of(own)


class _Org(_Shared):
    def __init__(self, text: str, questions: Questions, number: int) -> None:
        found, live, shadow = _org.decode(text)
        self.live, self.shadow = _rule_set(live), _rule_set(shadow)
        ids, times, self._vendors, self._times = found or ([], [], [], [])
        super().__init__(questions, number, len(ids), _late(ids, times))

    def counted(self, row: FraudRow) -> tuple[tuple[int, ...], datetime | None]:
        """How many rows each other vendor has, and the time of the oldest of them all."""
        own = self.own(row)
        counts = Counter(_chosen(self._vendors, own))
        counts.pop(str(row.vendor_id), None)
        return tuple(sorted(counts.values(), reverse=True)), self._times[own[-1]] if own else None


class _Person(_Shared):
    def __init__(self, text: str | None, questions: Questions, number: int) -> None:
        ids, times, self._vendors = ([], [], []) if text is None else _person.decode(text)
        super().__init__(questions, number, len(ids), _late(ids, times))

    def company(self, row: FraudRow) -> Company:
        vendors = _chosen(self._vendors, self.own(row))
        return Company(rows=len(vendors), with_vendor=vendors.count(str(row.vendor_id)), vendors=len(set(vendors)))


_SHARED: Final[Mapping[Kind, Any]] = {VENDOR: _Vendor, PEERS: _PeersOf, ORG: _Org, CREATOR: _Person, DRIVER: _Person}


def _chosen(values: list[str], own: range | list[int]) -> list[str]:
    return values[: len(own)] if isinstance(own, range) else [values[n] for n in own]


def _late(ids: _Ids, times: _Times) -> list[Late]:
    if ids.count(None) == times.count(None) == len(ids):
        return []
    pairs = enumerate(zip(ids, times, strict=True))
    return [Late(n, recorded, at) for n, (recorded, at) in pairs if recorded is not None or at is not None]


@lru_cache(maxsize=RULE_SETS_KEPT_MAX)
def _rule_set(document: str | None) -> RuleSet | None:
    """The same ones come again and again."""
    return None if document is None else msgspec.json.decode(document, type=RuleSet)
