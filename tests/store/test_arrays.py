"""Values go into array literals and come out of PostgreSQL as they were."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.usecases.world import rounds
from vendorpay.store.arrays import literal

TEXTS = st.text(st.characters(exclude_characters="\x00", codec="utf-8"))
AWKWARD = st.sampled_from(
    ["", "NULL", "null", '"', "\\", '\\"', "\\n", "\n", "{}", ",", "a\tb", "\\\\\n\\", "\x7f", "é😀"]
)
NUMBERS = st.integers(-(2**63), 2**63 - 1)
TIMES = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001  bounds have none
COLUMNS = {
    "text": TEXTS | AWKWARD,
    "bytea": st.binary(),
    "bigint": NUMBERS,
    "uuid": st.uuids(),
    "timestamptz": TIMES,
    "boolean": st.booleans(),
}


@pytest.mark.parametrize("kind", COLUMNS)
@given(data=st.data())
@settings(max_examples=rounds(40, 2000), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_goes_in_comes_out(kind: str, data: st.DataObject, app_connection: Connection[TupleRow]) -> None:
    values: list[Any] = data.draw(st.lists(COLUMNS[kind] | st.none(), max_size=20))
    query = f"SELECT coalesce(array_agg(v ORDER BY n), '{{}}') FROM unnest(%s::{kind}[]) WITH ORDINALITY AS u (v, n)"
    (found,) = app_connection.execute(query.encode(), [literal(values)]).fetchone() or ()
    assert found == values


def test_a_uuid_and_a_time_are_written_as_postgresql_reads_them() -> None:
    at = datetime(2026, 11, 23, 9, 30, 0, 5, tzinfo=UTC)
    assert literal([UUID(int=7), at, None, b"\xff", 3]) == (
        '{"00000000-0000-0000-0000-000000000007","2026-11-23T09:30:00.000005Z",null,"\\\\xff",3}'
    )
