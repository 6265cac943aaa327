"""What a table of refusals is made of: a rule, a sentence, an attempt to break it, and the name that stops it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from _pytest.mark.structures import ParameterSet
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.database import Row, Rows, approving, change, in_status, new_payment, write

DENIED = "permission denied"
Attempt = Callable[[Connection[TupleRow]], object]


@dataclass(frozen=True)
class Refusal:
    """`rule` is the number in correctness.md, or the origin's fault; `name` the constraint, or DENIED."""

    rule: str
    what: str
    attempt: Attempt
    name: str


def table(*refusals: Refusal) -> Sequence[ParameterSet]:
    """The refusals as pytest's parameters, each test called by its sentence."""
    return [pytest.param(refusal, id=f"{refusal.rule}: {refusal.what}") for refusal in refusals]


def expect_refusal(connection: Connection[TupleRow], attempt: Attempt, name: str) -> None:
    """Passes when the database refuses the attempt by that name; afterwards the transaction is rolled back."""
    with pytest.raises(psycopg.Error) as caught:
        attempt(connection)
    connection.rollback()
    if name == DENIED:
        assert isinstance(caught.value, psycopg.errors.InsufficientPrivilege), caught.value
    else:
        # A key of a partitioned table is called after the partition that holds the row.
        found = re.sub(r"_y\d{4}m\d{2}_", "_", caught.value.diag.constraint_name or "")
        assert found == name, caught.value


def birth(spoil: Callable[[Rows], object], **columns: Any) -> Attempt:
    """Writing a new payment of which something was spoiled."""

    def attempt(connection: Connection[TupleRow]) -> None:
        rows = new_payment(**columns)
        spoil(rows)
        write(connection, rows)

    return attempt


def born_with(**columns: Any) -> Attempt:
    """Writing a new payment with a wrong column."""
    return birth(lambda rows: rows.payment.update(columns))


def update(status: str = "pending_approval", **sets: Any) -> Attempt:
    """Changing columns of a stored payment, with everything else that a change needs."""
    return lambda connection: write(connection, change(in_status(connection, status), **sets))


def spoiled(
    make: Callable[[Row], Rows], spoil: Callable[[Row, Rows], object], status: str = "pending_approval", **columns: Any
) -> Attempt:
    """A change of a stored payment, made by `make` and then spoiled."""

    def attempt(connection: Connection[TupleRow]) -> None:
        payment = in_status(connection, status, **columns)
        rows = make(payment)
        spoil(payment, rows)
        write(connection, rows)

    return attempt


def approve(spoil: Callable[[Row, Rows], object], **columns: Any) -> Attempt:
    """Approving a stored payment, spoiled."""
    return spoiled(approving, spoil, **columns)


def sql(statement: str, status: str = "pending_approval", **columns: Any) -> Attempt:
    """One statement on a stored payment, whose columns are its parameters."""
    return lambda connection: connection.execute(statement.encode(), in_status(connection, status, **columns))


def sql_alone(statement: str) -> Attempt:
    """One statement, on whatever is stored."""
    return lambda connection: connection.execute(statement.encode())


def sets(rows: Rows, **columns: Any) -> None:
    """Columns over those that a change has."""
    assert rows.sets is not None
    rows.sets.update(columns)
