"""Writes what was decided on a guess (usecases/at_once.py): the batch's blocks behind a guard, in one statement."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import msgspec

from vendorpay.store import queries, straight
from vendorpay.store.arrays import literal
from vendorpay.store.batch_writer import COLUMNS, IN_UTF_8, MIXTURES_MAX, Row, Rows, arrays, joined, used_blocks
from vendorpay.store.claims import Wanted, lock_hash, lockable
from vendorpay.store.db import Connection

_ARRAYS: Final = re.compile(r"unnest\(((?:\s*%\([\w.]+\)s::\w+\[\],?)+)\)")
_NAMED: Final = re.compile(r"\)\s+AS \w+ \([^)]*\)\Z")

ALONE: Final = "claims"
MANY: Final = "claims_of_many"
_KEY: Final = ("org_id", "operation", "caller", "key")
_JOB: Final = ("org_id", "incident_id", "vendor_id", "reference")
_GUARDS: Final[Mapping[str, tuple[str, ...]]] = {
    ALONE: ("hashes", *_KEY, *(f"job_{name}" for name in _JOB), "policy_version"),
    MANY: (
        *("hashes", *(f"{name}s" for name in _KEY), *(f"job_{name}s" for name in _JOB)),
        *("policy_org_ids", "policy_versions"),
    ),
}
"""The parameters of each guard, in the order its values are brought."""
_IN_UTF_8: Final = {
    block: COLUMNS[block].index(column) for block, _, column in (name.partition(".") for name in IN_UTF_8)
}
"""Where in a block's rows there are bytes that are text."""


async def write_if_unclaimed(connection: Connection, wanted: Wanted, rows: Rows) -> bool:
    """Writes all rows and commits in one statement, unless something that is wanted is locked or taken; whether it did.

    Raises as `write_and_commit`; also for what was taken since the statement began, by a unique key.
    """
    alone = len(wanted.jobs) == 1
    single = frozenset(name for name, found in rows.by_block.items() if alone and len(found) == 1)
    guard = ALONE if alone else MANY
    plan = _plan(guard, used_blocks(rows), single)
    values: list[bytes | None] = [None] * plan.size
    _put(values, plan.places["claims"], _one_claim(wanted) if alone else _many_claims(wanted))
    for name, found in rows.by_block.items():
        _put(values, plan.places[name], _texts(name, found[0]) if name in single else arrays(name, found))
    return await straight.one_value(connection, plan.statement, values) == b"t"


@dataclass(frozen=True)
class _Plan:
    """A statement, and which of its parameters each value of a block is."""

    statement: bytes
    size: int
    places: Mapping[str, Sequence[int]]


@lru_cache(maxsize=MIXTURES_MAX)
def _plan(guard: str, used: tuple[str, ...], single: frozenset[str]) -> _Plan:
    """The batch's blocks behind a guard; those in `single` take values, which cost less than arrays of one."""
    blocks = queries.load("writes.sql")
    parts = {"claims": blocks[guard]}
    for name in used:
        text = _of_values(blocks[name], name) if name in single else blocks[name]
        parts[name] = "\n".join((text, blocks["if_unclaimed"]))
    statement, names = queries.positional(joined(parts, "SELECT unclaimed FROM claims"))
    place = {name: number for number, name in enumerate(names)}
    columns = {"claims": _GUARDS[guard], **{name: COLUMNS[name] for name in used}}
    places = {block: tuple(place[f"{block}.{column}"] for column in own) for block, own in columns.items()}
    return _Plan(statement, len(names), places)


def _of_values(block: str, name: str) -> str:
    """A block for one row: `unnest(%(a)s::t[], ..)` becomes `(VALUES (%(a)s::t, ..))`."""
    one = _ARRAYS.sub(lambda found: f"(VALUES ({found[1].replace('[]', '')}))", block)
    return one if _NAMED.search(one) else f"{one} AS one"


def _put(values: list[bytes | None], places: Sequence[int], row: Iterable[Any]) -> None:
    for place, value in zip(places, straight.in_bytes(row), strict=True):
        values[place] = value


def _texts(block: str, row: Row) -> Row:
    """The row with text for bytes that are text."""
    at = _IN_UTF_8.get(block)
    return row if at is None else (*row[:at], row[at].decode(), *row[at + 1 :])


def _one_claim(wanted: Wanted) -> Sequence[Any]:
    (key,), (job,) = wanted.keys or (None,), wanted.jobs
    return (
        literal(map(lock_hash, lockable(wanted))),
        *((None,) * len(_KEY) if key is None else msgspec.structs.astuple(key)),
        *msgspec.structs.astuple(job),
        next((one.known for one in wanted.policies), None),
    )


def _many_claims(wanted: Wanted) -> Sequence[str]:
    return (
        literal(map(lock_hash, lockable(wanted))),
        *(literal(getattr(key, name) for key in wanted.keys) for name in _KEY),
        *(literal(getattr(job, name) for job in wanted.jobs) for name in _JOB),
        literal(one.org_id for one in wanted.policies),
        literal(one.known for one in wanted.policies),
    )
