"""Checkpoints go on where the one before ended, say what their bytes say, and are never changed; or it is refused."""

import json
import re
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.database import new_payment, now, write
from tests.store.refusals import DENIED, Refusal, expect_refusal, table
from vendorpay.domain.checkpoint import Checkpoint

Row = dict[str, Any]
ZEROS = "0" * 64
MADE_AT = "%Y-%m-%dT%H:%M:%S.%fZ"


def numbered(connection: Connection[TupleRow], entries: int = 3) -> None:
    """So many entries that have their positions."""
    for _ in range(entries):
        write(connection, new_payment())
    connection.commit()
    connection.autocommit = True
    while connection.execute("SELECT outcome FROM number_stream('audit', 1000, NULL)").fetchone() != ("done",):
        pass
    connection.autocommit = False


def row_of(made: Checkpoint) -> Row:
    return {
        "number": made.number,
        "from_position": made.from_position,
        "to_position": made.to_position,
        "previous_hash": bytes.fromhex(made.previous_hash),
        "canonical": made.canonical(),
        "hash": made.hash(),
        "made_at": made.moment,
    }


def insert(connection: Connection[TupleRow], row: Row) -> None:
    names = ", ".join(row)
    places = ", ".join(f"%({name})s" for name in row)
    connection.execute(f"INSERT INTO audit_checkpoints ({names}) VALUES ({places})".encode(), row)


def next_one(connection: Connection[TupleRow], **changes: Any) -> Row:
    """The row of a checkpoint that would be let in, but for what its facts are changed to."""
    found = connection.execute(
        "SELECT number, to_position, encode(hash, 'hex') FROM audit_checkpoints ORDER BY number DESC LIMIT 1"
    ).fetchone()
    number, start, previous = found or (0, 0, ZEROS)
    facts = {
        "format": 1,
        "number": number + 1,
        "from_position": start,
        "to_position": start + 1,
        "entries": changes.get("to_position", start + 1) - changes.get("from_position", start),
        "entries_root": ZEROS,
        "chains": 1,
        "heads_root": ZEROS,
        "previous_hash": previous,
        "made_at": now().strftime(MADE_AT),
        **changes,
    }
    return row_of(Checkpoint(**facts))


def spoiled(**changes: Any) -> Callable[[Connection[TupleRow]], None]:
    """Two good checkpoints, and then one with something wrong in it."""

    def attempt(connection: Connection[TupleRow]) -> None:
        two(connection)
        insert(connection, next_one(connection, **changes))

    return attempt


def columns(**changes: Any) -> Callable[[Connection[TupleRow]], None]:
    """The same, with columns that are not what its bytes say."""

    def attempt(connection: Connection[TupleRow]) -> None:
        two(connection)
        insert(connection, {**next_one(connection), **changes})

    return attempt


def said(change: Callable[[bytes], bytes]) -> Callable[[Connection[TupleRow]], None]:
    """The same, with columns that fit, and bytes that were touched and hash to their hash."""

    def attempt(connection: Connection[TupleRow]) -> None:
        two(connection)
        row = next_one(connection)
        before, row["canonical"] = row["canonical"], change(row["canonical"])
        assert row["canonical"] != before
        insert(connection, {**row, "hash": sha256(row["canonical"]).digest()})

    return attempt


def only(canonical: bytes) -> bytes:
    """Just what the columns say as well, and a root that is none."""
    wanted = ("number", "fromPosition", "toPosition", "previousHash")
    facts = {name: value for name, value in json.loads(canonical).items() if name in wanted}
    return json.dumps({**facts, "root": "forged"}).encode()


def fork(connection: Connection[TupleRow]) -> None:
    """Two that follow on the first."""
    insert(connection, first := next_one(connection))
    insert(connection, next_one(connection))
    insert(connection, next_one(connection, from_position=1, to_position=2, previous_hash=first["hash"].hex()))


def two(connection: Connection[TupleRow]) -> None:
    for _ in range(2):
        insert(connection, next_one(connection))


def sql(statement: str) -> Callable[[Connection[TupleRow]], None]:
    def attempt(connection: Connection[TupleRow]) -> None:
        two(connection)
        connection.execute("INSERT INTO audit_checkpoint_shipments VALUES (sha256('x'), 1, now())")
        connection.execute(statement.encode())

    return attempt


def touched(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    return lambda canonical: canonical.replace(old, new, 1)


def a_number_as_text(canonical: bytes) -> bytes:
    return re.sub(rb'"number":(\d+)', rb'"number":"\1"', canonical)


def a_day_that_is_none(canonical: bytes) -> bytes:
    return re.sub(rb'(?<="madeAt":".{5})..-..', b"02-31", canonical)


REFUSED = table(
    Refusal("19", "a number left out", spoiled(number=4), "audit_checkpoints_linked"),
    Refusal("19", "a number twice", spoiled(number=2), "audit_checkpoints_pkey"),
    Refusal("19", "another one before it", spoiled(previous_hash="1" * 64), "audit_checkpoints_linked"),
    Refusal("19", "a second one after the first", fork, "audit_checkpoints_one_after_each"),
    Refusal("19", "positions left out", spoiled(from_position=3, to_position=4), "audit_checkpoints_linked"),
    Refusal("19", "positions covered twice", spoiled(from_position=1, to_position=3), "audit_checkpoints_linked"),
    Refusal("19", "positions that nobody was given", spoiled(to_position=2000), "audit_checkpoints_cover_given"),
    Refusal("19", "nothing", spoiled(to_position=2), "audit_checkpoints_cover_something"),
    Refusal("19", "more than one may", spoiled(to_position=10_003), "audit_checkpoints_cover_something"),
    Refusal("19", "a second beginning", spoiled(number=3, previous_hash=ZEROS), "audit_checkpoints_begin_with_zeros"),
    Refusal("19", "number 0", spoiled(number=0), "audit_checkpoints_begin_with_zeros"),
    Refusal("19", "a hash of other bytes", columns(hash=b"x" * 32), "audit_checkpoints_hash_is_of_bytes"),
    Refusal("19", "columns of another number", columns(number=4), "audit_checkpoints_columns_are_bytes"),
    Refusal("19", "columns of other positions", columns(to_position=4), "audit_checkpoints_columns_are_bytes"),
    Refusal(
        "19", "columns with another one before", columns(previous_hash=b"x" * 32), "audit_checkpoints_columns_are_bytes"
    ),
    Refusal("19", "columns of another time", columns(made_at=now()), "audit_checkpoints_columns_are_bytes"),
    Refusal("19", "another count of entries", spoiled(entries=2), "audit_checkpoints_columns_are_bytes"),
    Refusal("19", "more chains than entries", spoiled(chains=2), "audit_checkpoints_touch_chains"),
    Refusal("19", "a time that is none", said(touched(b"-", b"-99")), "audit_checkpoints_bytes_are_canonical"),
    Refusal("19", "a day that is none", said(a_day_that_is_none), "audit_checkpoints_columns_are_bytes"),
    Refusal("19", "another format", spoiled(format=2), "audit_checkpoints_bytes_are_canonical"),
    Refusal("19", "no chain", spoiled(chains=0), "audit_checkpoints_bytes_are_canonical"),
    Refusal("19", "a root of other length", spoiled(entries_root="0"), "audit_checkpoints_bytes_are_canonical"),
    Refusal("19", "a root in capitals", spoiled(heads_root="A" * 64), "audit_checkpoints_bytes_are_canonical"),
    Refusal("19", "a forged one with half the keys", said(only), "audit_checkpoints_bytes_are_canonical"),
    Refusal("19", "one key more", said(touched(b"}", b',"x":1}')), "audit_checkpoints_bytes_are_canonical"),
    Refusal("19", "a key twice", said(touched(b"{", b'{"chains":1,')), "audit_checkpoints_bytes_are_canonical"),
    Refusal("19", "blanks", said(touched(b",", b", ")), "audit_checkpoints_bytes_are_canonical"),
    Refusal("19", "a line behind it", said(touched(b"}", b"}\n")), "audit_checkpoints_bytes_are_canonical"),
    Refusal("19", "no JSON", said(touched(b"}", b"")), "audit_checkpoints_bytes_are_canonical"),
    Refusal("19", "a number as text", said(a_number_as_text), "audit_checkpoints_bytes_are_canonical"),
    Refusal("19", "a change", sql("UPDATE audit_checkpoints SET made_at = now()"), DENIED),
    Refusal("19", "a removal", sql("DELETE FROM audit_checkpoints"), DENIED),
    Refusal("19", "emptying", sql("TRUNCATE audit_checkpoints CASCADE"), DENIED),
    Refusal("19", "forgetting a shipment", sql("DELETE FROM audit_checkpoint_shipments"), DENIED),
    Refusal(
        "19",
        "a shipment of nothing",
        sql("INSERT INTO audit_checkpoint_shipments VALUES (sha256('x'), 99, now())"),
        "audit_checkpoint_shipments_checkpoint_fkey",
    ),
    Refusal(
        "19",
        "a command line instead of its hash",
        sql("INSERT INTO audit_checkpoint_shipments VALUES ('aws s3 cp', 2, now())"),
        "audit_checkpoint_shipments_destination_hashed",
    ),
)


@pytest.mark.parametrize("refusal", REFUSED)
def test_the_service_is_refused(refusal: Refusal, app_connection: Connection[TupleRow], given: None) -> None:
    expect_refusal(app_connection, refusal.attempt, refusal.name)


@pytest.fixture
def given(app_connection: Connection[TupleRow]) -> None:
    """Entries with positions, committed once for the module."""
    found = app_connection.execute("SELECT count(*) FROM audit_positions").fetchone()
    if found == (0,):
        numbered(app_connection)


@pytest.mark.parametrize("name", ["audit_checkpoints", "audit_checkpoint_shipments"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET number = 7", "TRUNCATE {} CASCADE"])
def test_not_even_the_owner_changes_them(
    name: str, statement: str, owner_connection: Connection[TupleRow], app_connection: Connection[TupleRow], given: None
) -> None:
    attempt = sql(statement.format(name))
    expect_refusal(owner_connection, attempt, "append_only")


def test_readonly_reads_them_and_writes_none(readonly_connection: Connection[TupleRow], given: None) -> None:
    assert readonly_connection.execute("SELECT count(*) FROM audit_checkpoints").fetchone() == (0,)
    expect_refusal(readonly_connection, lambda connection: insert(connection, next_one(connection)), DENIED)
