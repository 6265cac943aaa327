"""What a batch locks and finds before it decides: one transaction begun, one round trip.

The order of the locks is always keys, events, jobs, the feed, rows of subjects; a batch never waits for one, it only
tries.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg import AsyncCursor
from psycopg.rows import DictRow

from vendorpay.domain.delegations import Delegation
from vendorpay.domain.lifecycle import ENDED
from vendorpay.domain.webhooks import FeedStanding
from vendorpay.store import queries
from vendorpay.store.arrays import literal
from vendorpay.store.db import Connection, execute, rows
from vendorpay.store.delegation_rows import delegation_of
from vendorpay.store.subjects import SUBJECTS, Subject, SubjectClaim, SubjectState


class KeyClaim(msgspec.Struct, frozen=True, cache_hash=True):
    """An idempotency key in its scope."""

    org_id: str
    operation: str
    caller: str
    key: str


class EventClaim(msgspec.Struct, frozen=True, cache_hash=True):
    """A consumed event's id in its scope."""

    org_id: str
    source: str
    event_id: str


class JobClaim(msgspec.Struct, frozen=True, cache_hash=True):
    """The business key: at most one live payment exists for it."""

    org_id: str
    incident_id: UUID
    vendor_id: UUID
    reference: str


class FeedClaim(msgspec.Struct, frozen=True):
    """Who is told of an organisation's events. Held, the feed stands still: no event gets its position meanwhile, so
    that whoever changes a subscription knows which events it is about.
    """

    org_id: str


class PoliciesClaim(msgspec.Struct, frozen=True):
    """An organisation's policies and rule sets: whoever proposes or activates one does so alone."""

    org_id: str


class PolicyQuestion(msgspec.Struct, frozen=True):
    """Which policy applies in an organisation; `known` is the version whose document is at hand, -1 for none."""

    org_id: str
    known: int


class VendorQuestion(msgspec.Struct, frozen=True):
    """Whether a vendor is new: none of their payments was approved before."""

    org_id: str
    vendor_id: UUID


class DelegationQuestion(msgspec.Struct, frozen=True):
    """Whether one person may approve in the name of another."""

    org_id: str
    delegator_id: str
    delegate_id: str


class PolicyFound(msgspec.Struct, frozen=True):
    """The version that applies (0: the default), its document where it was not known; and the last one proposed."""

    version: int
    document: str | None
    last_version: int


class Remembered(msgspec.Struct, frozen=True):
    """A command that was carried out before under the same key."""

    fingerprint: bytes
    payment_id: UUID | None
    answer: bytes


class Twin(msgspec.Struct, frozen=True):
    """A payment that exists for a job."""

    payment_id: UUID
    live: bool


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What one batch claims; each claim at most once."""

    keys: Sequence[KeyClaim] = ()
    events: Sequence[EventClaim] = ()
    jobs: Sequence[JobClaim] = ()
    feeds: Sequence[FeedClaim] = ()
    subjects: Sequence[SubjectClaim] = ()
    policy_books: Sequence[PoliciesClaim] = ()
    policies: Sequence[PolicyQuestion] = ()
    vendors: Sequence[VendorQuestion] = ()
    delegations: Sequence[DelegationQuestion] = ()
    """Asked, and not claimed: nothing is locked for these three."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What the batch got: which locks, and what stands behind them."""

    xid: str
    locked: frozenset[object]
    remembered: dict[KeyClaim, Remembered]
    seen: dict[EventClaim, UUID]
    twins: dict[JobClaim, Twin]
    feeds: dict[FeedClaim, FeedStanding]
    states: dict[SubjectClaim, SubjectState]
    policies: dict[str, PolicyFound]
    """By organisation."""
    known_vendors: frozenset[VendorQuestion]
    delegations: dict[DelegationQuestion, tuple[Delegation, ...]]
    present: frozenset[UUID]
    """Subjects that exist, whether their row could be locked or not; empty when locks were waited for."""


_SAYS_NOTHING: Final = frozenset({"wait_for_lock", "wait_for_feed"})
_KINDS: Final = {KeyClaim: "key", EventClaim: "event", JobClaim: "job", PoliciesClaim: "policies"}


Lockable = KeyClaim | EventClaim | JobClaim | PoliciesClaim


def lock_hash(claim: Lockable) -> int:
    """The 64-bit number of a claim's advisory lock. A collision only makes two strangers wait for each other."""
    text = "\0".join((_KINDS[type(claim)], *map(str, msgspec.structs.astuple(claim))))
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


def lockable(wanted: Wanted) -> list[Lockable]:
    """What is locked by a number, in the order of the locks."""
    return [*wanted.keys, *wanted.events, *wanted.jobs, *wanted.policy_books]


def nothing_found(wanted: Wanted) -> Held:
    """The guess that everything was free and nothing stands behind it."""
    return Held(
        xid="",
        locked=frozenset(lockable(wanted)),
        remembered={},
        seen={},
        twins={},
        feeds={},
        states={},
        policies={one.org_id: PolicyFound(one.known, None, one.known) for one in wanted.policies},
        known_vendors=frozenset(),
        delegations={},
        present=frozenset(),
    )


async def take(connection: Connection, wanted: Wanted, *, wait: bool) -> Held:
    """Begins a transaction, locks and looks up. With `wait`, for one command alone, it waits for all but keys."""
    locks = lockable(wanted)
    tried: list[Lockable] = [*wanted.keys] if wait else locks
    subjects = _by_kind(wanted.subjects)
    async with connection.pipeline():
        await connection.execute(b"BEGIN")
        cursors = await _asked(connection, wanted, subjects, tried=tried, awaited=locks[len(tried) :], wait=wait)
    found = {name: await cursor.fetchall() for name, cursor in cursors.items() if name not in _SAYS_NOTHING}
    obtained = dict(zip(tried, found["try_locks"][0]["obtained"], strict=True))
    return Held(
        xid=found["try_locks"][0]["xid"],
        locked=frozenset([*(claim for claim in locks if obtained.get(claim, True)), *_feeds_locked(wanted, found)]),
        remembered={
            wanted.keys[row["n"] - 1]: Remembered(row["fingerprint"], row["payment_id"], row["answer"])
            for row in found.get("recall", ())
        },
        seen={wanted.events[row["n"] - 1]: row["payment_id"] for row in found.get("seen_events", ())},
        twins={
            wanted.jobs[row["n"] - 1]: Twin(row["payment_id"], row["status"] not in ENDED)
            for row in found.get("twins", ())
        },
        feeds={
            FeedClaim(row["org_id"]): FeedStanding(last_position=row["last_position"], endpoints=row["endpoints"])
            for row in found.get("feeds", ())
        },
        states={claim: state for kind in subjects for claim, state in _states(kind, found).items()},
        policies={
            row["org_id"]: PolicyFound(row["version"], row["document"], row["last_version"])
            for row in found.get("policies", ())
        },
        known_vendors=frozenset(wanted.vendors[row["n"] - 1] for row in found.get("known_vendors", ())),
        delegations={
            asked: tuple(delegation_of(row) for row in found["delegations"] if row["n"] == n)
            for n, asked in enumerate(wanted.delegations, start=1)
        },
        # Who waited has every row there was: one that came later is none to wait for again.
        present=frozenset(row["subject_id"] for kind in subjects if not wait for row in found[kind.children]),
    )


async def _asked(
    connection: Connection,
    wanted: Wanted,
    subjects: dict[Subject, list[SubjectClaim]],
    *,
    tried: Sequence[Lockable],
    awaited: Sequence[Lockable],
    wait: bool,
) -> dict[str, AsyncCursor[DictRow]]:
    """Sends what locks and looks up, in the order of the locks, without waiting for an answer."""
    sql = queries.load("claims.sql")
    cursors: dict[str, AsyncCursor[DictRow]] = {}

    async def ask(name: str, **parameters: Any) -> None:
        cursors[name] = await execute(connection, sql[name], parameters)

    await ask("try_locks", hashes=literal(map(lock_hash, tried)))
    for claim in awaited:
        await ask("wait_for_lock", hash=lock_hash(claim))
    if wanted.keys:
        await ask("recall", **_of(wanted.keys, org_ids="org_id", operations="operation", callers="caller", keys="key"))
    if wanted.events:
        await ask("seen_events", **_of(wanted.events, org_ids="org_id", sources="source", event_ids="event_id"))
    if wanted.jobs:
        ids = {"org_ids": "org_id", "incident_ids": "incident_id", "vendor_ids": "vendor_id", "refs": "reference"}
        await ask("twins", **_of(wanted.jobs, **ids))
    if wanted.feeds:
        await ask("wait_for_feed" if wait else "try_feed")
        await ask("feeds", **_of(wanted.feeds, org_ids="org_id"))
    if wanted.policies:
        await ask("policies", **_of(wanted.policies, org_ids="org_id", known="known"))
    if wanted.vendors:
        await ask("known_vendors", **_of(wanted.vendors, org_ids="org_id", vendor_ids="vendor_id"))
    if wanted.delegations:
        ids = _of(wanted.delegations, org_ids="org_id", delegator_ids="delegator_id", delegate_ids="delegate_id")
        await ask("delegations", **ids)
    for kind, claims in subjects.items():
        ids = _of(claims, org_ids="org_id", subject_ids="subject_id")
        await ask(kind.wait if wait else kind.lock, **ids)
        await ask(kind.children, **ids)
    return cursors


def _of(claims: Sequence[Any], **names: str) -> dict[str, str]:
    return {parameter: literal(getattr(claim, name) for claim in claims) for parameter, name in names.items()}


def _by_kind(claims: Sequence[SubjectClaim]) -> dict[Subject, list[SubjectClaim]]:
    """In the order of SUBJECTS, which is that of their locks."""
    found = {kind: [claim for claim in claims if type(claim) is kind.claim] for kind in SUBJECTS}
    return {kind: own for kind, own in found.items() if own}


def _feeds_locked(wanted: Wanted, found: dict[str, list[DictRow]]) -> Sequence[FeedClaim]:
    tried = found.get("try_feed")
    return wanted.feeds if tried is None or tried[0]["obtained"] else ()


def _states(kind: Subject, found: dict[str, list[DictRow]]) -> dict[SubjectClaim, SubjectState]:
    children = {row["subject_id"]: row for row in found[kind.children]}
    locked = found.get(kind.lock) or found.get(kind.wait) or []
    return {
        kind.claim(row["org_id"], row[kind.id_column]): kind.state_of(row, children[row[kind.id_column]])
        for row in locked
    }


async def fate(connection: Connection, xid: str) -> str | None:
    """What became of a transaction: `in progress`, `committed`, `aborted`, or None when that is not known any more.

    Raises psycopg.errors.InvalidParameterValue for a transaction the server has never heard of: it crashed before
    anything of it reached the disk.
    """
    cursor = await connection.execute(queries.load("claims.sql")["fate"].encode(), {"xid": xid})
    row = await cursor.fetchone()
    return None if row is None else row["fate"]


async def committed(connection: Connection, command_ids: Sequence[UUID]) -> bool:
    """Whether every one of these commands is on record, as all of a batch are or none."""
    parameters = {"command_ids": literal(command_ids)}
    (row,) = await rows(connection, queries.load("claims.sql")["committed"], parameters)
    return bool(row["found"] == len(command_ids))


async def committed_under_locks(connection: Connection, wanted: Wanted, command_ids: Sequence[UUID]) -> bool:
    """The same once nobody else holds what is wanted; the locks are waited for, and given back.

    Raises psycopg.errors.LockNotAvailable when that takes longer than the role's lock_timeout.
    """
    wait = queries.load("claims.sql")["wait_for_lock"].encode()
    async with connection.transaction(force_rollback=True):
        for claim in lockable(wanted):
            await connection.execute(wait, {"hash": lock_hash(claim)})
        return await committed(connection, command_ids)
