"""A statement straight through libpq, for the few where a psycopg cursor would cost as much as all they say.

psycopg's connection stays in charge: it waits, cancels and knows the transaction's state as it does for its cursors.
Left out is what a cursor does for anybody's statement: finding out how to send each value, counting before it prepares,
and making rows. (psycopg 3, "psycopg.pq - libpq wrapper module".)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from types import NoneType
from typing import Any, Final
from uuid import UUID
from weakref import WeakKeyDictionary

from psycopg import DataError
from psycopg.errors import InvalidSqlStatementName, error_from_result
from psycopg.generators import execute
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from vendorpay.store.db import Connection

PREPARED_MAX: Final = 64
"""How many statements are prepared on one connection at most; more are sent whole each time."""

_prepared: Final[WeakKeyDictionary[Connection, dict[bytes, bytes]]] = WeakKeyDictionary()
"""The names of what each connection has prepared; those of psycopg begin with another word."""
_numbers: Final = count()
"""No name is given twice: a statement may be prepared at the server though whoever wanted it was cancelled before it
heard of that."""


def in_bytes(values: Iterable[Any]) -> list[bytes | None]:
    """Values as PostgreSQL reads them: text, numbers, UUIDs, times, bytes and None. Raises UnicodeEncodeError."""
    way_of = _WAYS.get
    return [way_of(type(value), _as_text)(value) for value in values]


def _as_text(value: object) -> bytes:
    return str(value).encode()


_WAYS: Final[Mapping[type, Callable[[Any], bytes | None]]] = {
    NoneType: lambda _: None,
    str: str.encode,
    int: lambda number: b"%d" % number,
    bytes: lambda found: b"\\x" + found.hex().encode(),
    UUID: lambda one: b"%032x" % one.int,  # hyphens may be left out (PostgreSQL 18, 8.12)
}
"""How a value of each kind is put; of 80 that a payment has every one would else cost half a microsecond."""


async def one_value(connection: Connection, statement: bytes, parameters: Sequence[bytes | None]) -> bytes | None:
    """The first value of the first row that a statement with $1, $2 .. gives; the connection is in no pipeline.

    Raises psycopg.Error as a cursor does.
    """
    if b"\0" in b"".join(filter(None, parameters)):
        raise DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")  # libpq would end the text there
    name = await _name(connection, statement)
    if name is None:
        connection.pgconn.send_query_params(statement, parameters)
    else:
        connection.pgconn.send_query_prepared(name, parameters)
    try:
        return (await _result(connection, ExecStatus.TUPLES_OK)).get_value(0, 0)
    except InvalidSqlStatementName:  # somebody between us and the server has reset it (DISCARD ALL)
        _prepared.pop(connection, None)
        raise


async def _name(connection: Connection, statement: bytes) -> bytes | None:
    """What the statement is called at the server; None where it is not prepared (see Database.open)."""
    if connection.prepare_threshold is None:
        return None
    names = _prepared.setdefault(connection, {})
    name = names.get(statement)
    if name is None and len(names) < PREPARED_MAX:
        name = b"straight_%d" % next(_numbers)
        connection.pgconn.send_prepare(name, statement)
        await _result(connection, ExecStatus.COMMAND_OK)
        names[statement] = name
    return name


async def _result(connection: Connection, wanted: ExecStatus) -> PGresult:
    result: PGresult
    (result,) = await connection.wait(execute(connection.pgconn))
    if result.status != wanted:
        raise error_from_result(result)
    return result
