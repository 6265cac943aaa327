"""Which windows payments that are scored together share, and how each finds its own rows in a shared one.

Payments of the same vendor, service type, organisation or person look at almost the same rows: those that the last of
them knows, up to the time of the latest. They are read once, some more than a window has; then each leaves out what was
recorded after it, or happened after it. Where too much of a shared window is not its own, it asks alone.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from vendorpay.domain.fraud.rows import FraudRow
from vendorpay.domain.fraud.windows import (
    ORG_ROWS_MAX,
    PEER_ROWS_MAX,
    PERSON_ROWS_MAX,
    VENDOR_AHEAD,
    VENDOR_ROWS_MAX,
)
from vendorpay.store.arrays import literal

SPARE_MAX: Final = 400
"""How many rows more than a window has are read at most for payments that share it; stands in the limits of the SQL."""
SPARE_MIN: Final = 20
SPARE_EACH: Final = 2
"""How many of them for each that shares it: one may be its own row, the other that of somebody who is not asked for."""
SHARED_S_MAX: Final = 900
"""Payments further apart share nothing: between them lie too many rows."""


class Kept(NamedTuple):
    """A payment's row with whose it is, and of which content."""

    org_id: str
    content_version: int
    row: FraudRow


class Late(NamedTuple):
    """A row that not all who share a window have in theirs: `n` is its number, the others None where all have it."""

    n: int
    payment_id: str | None
    """As text: a UUID takes ten times as long to compare."""
    at: datetime | None


@dataclass
class Question:
    """What some payments ask together: rows before `last_id`, up to `until`."""

    first_id: UUID
    last_id: UUID
    since: datetime
    """Up to when the earliest of them looks."""
    until: datetime
    asked: int = 1

    def also(self, payment_id: UUID, bound: datetime) -> None:
        """Another payment asks it too."""
        self.first_id, self.last_id = min(self.first_id, payment_id), max(self.last_id, payment_id)
        self.since, self.until = min(self.since, bound), max(self.until, bound)
        self.asked += 1


@dataclass(frozen=True)
class Kind:
    """One kind of question: which payments share one (None = it is not asked), and up to when each looks."""

    name: str
    keys: tuple[str, ...]
    """What else the question names, as parameters."""
    key: Callable[[Kept], tuple[str, ...] | None]
    bound: Callable[[FraudRow], datetime]
    most: int
    """How many rows a window has."""

    def read(self, question: Question) -> int:
        """How many rows are read for a question."""
        spare = SPARE_MIN + SPARE_EACH * question.asked if question.asked > 1 else 0
        return self.most + min(spare, SPARE_MAX)


def _at(row: FraudRow) -> datetime:
    return row.occurred_at


def _ahead(row: FraudRow) -> datetime:
    """The last moment before VENDOR_AHEAD is over."""
    return row.occurred_at + VENDOR_AHEAD - timedelta(microseconds=1)


def _known(person: str | None) -> tuple[str] | None:
    return None if person is None else (person,)


VENDOR: Final = Kind("vendor", ("vendor_id",), lambda one: (str(one.row.vendor_id),), _ahead, VENDOR_ROWS_MAX)
PEERS: Final = Kind(
    "peers",
    ("service_type", "currency"),
    lambda one: (one.row.service_type or "", one.row.currency),
    _at,
    PEER_ROWS_MAX,
)
ORG: Final = Kind("org", (), lambda one: (), _at, ORG_ROWS_MAX)
CREATOR: Final = Kind("creator", ("person",), lambda one: _known(one.row.created_by), _at, PERSON_ROWS_MAX)
DRIVER: Final = Kind("driver", ("person",), lambda one: _known(one.row.driver_id), _at, PERSON_ROWS_MAX)
KINDS: Final = (VENDOR, PEERS, ORG, CREATOR, DRIVER)


class Questions:
    """The questions of one kind, numbered from 1 on as SQL numbers them."""

    def __init__(self, kind: Kind, asked: Sequence[Kept], *, alone: bool) -> None:
        """With `alone` no two payments share one."""
        self.kind = kind
        self.of: list[int | None] = []
        """Which question is each payment's."""
        self._all: list[Question] = []
        self._keys: list[tuple[str, ...]] = []
        numbers: dict[Hashable, int] = {}
        for place, one in enumerate(asked):
            key = kind.key(one)
            if key is None:
                self.of.append(None)
                continue
            bound, payment_id = kind.bound(one.row), one.row.payment_id
            apart = place if alone else one.row.occurred_at.timestamp() // SHARED_S_MAX
            number = numbers.setdefault((one.org_id, key, apart), len(numbers) + 1)
            self.of.append(number)
            if number > len(self._all):
                self._all.append(Question(payment_id, payment_id, bound, bound))
                self._keys.append((one.org_id, *key))
            else:
                self._all[number - 1].also(payment_id, bound)

    def __len__(self) -> int:
        return len(self._all)

    def is_shared(self, number: int) -> bool:
        """Whether several payments ask it."""
        return self._all[number - 1].asked > 1

    def question(self, number: int) -> Question:
        """The question with this number."""
        return self._all[number - 1]

    def parameters(self) -> Mapping[str, str]:
        """As arrays, one value for each question."""
        keys = zip(*self._keys, strict=True) if self._keys else ((),) * (1 + len(self.kind.keys))
        columns: dict[str, Iterable[object]] = dict(zip(("org_id", *self.kind.keys), keys, strict=True))
        columns |= {
            name: [getattr(question, name) for question in self._all]
            for name in ("first_id", "last_id", "since", "until")
        }
        columns["most"] = map(self.kind.read, self._all)
        return {f"{self.kind.name}.{name}": literal(column) for name, column in columns.items()}


def own_rows(
    count: int, late: Sequence[Late], payment_id: UUID, bound: datetime, *, most: int, read: int
) -> range | list[int] | None:
    """The numbers of a payment's own rows among `count`, newest first; None when too few of `read` are."""
    own_id = str(payment_id)
    out = {
        n
        for n, recorded, at in late
        if (recorded is not None and recorded >= own_id) or (at is not None and at > bound)
    }
    if count - len(out) < most and count >= read:
        return None
    if not out:
        return range(min(count, most))
    return [n for n in range(count) if n not in out][:most]
