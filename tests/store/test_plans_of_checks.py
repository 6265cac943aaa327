"""What checks a statement reads what it wrote, however young the tables were when the session planned it."""

from collections.abc import Callable

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.database import DatabaseUrls, Row, Rows, approving, holding, new_payment, releasing, stored, write
from tests.store.endpoint_rows import a_change, a_new_endpoint, put
from tests.store.test_plans_of_feed import load

HISTORY, OTHERS = 12_000, 100
FEW_FOR_EACH = 80
"""Rows that are read along an index for each payment: those of its lines, its chain, its events, each a few times."""
SETTINGS = {
    *("enable_seqscan=off", "enable_bitmapscan=off", "enable_hashjoin=off", "enable_mergejoin=off"),
    *("enable_material=off", "jit=off"),
}
READ = """
SELECT coalesce(sum(seq_tup_read), 0), coalesce(sum(idx_tup_fetch), 0) FROM pg_stat_xact_user_tables
"""


def a_life(connection: Connection[TupleRow], count: int) -> None:
    """Payments, many by each statement, that are created, approved, held and released."""
    made = [new_payment() for _ in range(count)]
    write(connection, *made)
    changes: tuple[Callable[[Row], Rows], ...] = (approving, holding, releasing)
    for change in changes:
        write(connection, *(change(stored(connection, one.payment["payment_id"])) for one in made))


def of_an_endpoint(connection: Connection[TupleRow], _: int) -> None:
    put(connection, a_change(put(connection, a_new_endpoint())))


def read_by(connection: Connection[TupleRow], work: Callable[[Connection[TupleRow], int], None], count: int) -> Row:
    """How many rows of the record were read by walking through it, and how many by their keys."""
    with connection.transaction():
        before = connection.execute(READ.encode()).fetchone()
        work(connection, count)
        after = connection.execute(READ.encode()).fetchone()
    assert before is not None
    assert after is not None
    return {"walked": after[0] - before[0], "looked_up": after[1] - before[1]}


@pytest.mark.parametrize(("work", "first"), [(a_life, 1), (a_life, 30), (of_an_endpoint, 1)])
def test_a_session_that_began_on_empty_tables_reads_little_when_they_have_grown(
    work: Callable[[Connection[TupleRow], int], None], first: int, database_urls: DatabaseUrls
) -> None:
    with psycopg.connect(database_urls.app, autocommit=True, prepare_threshold=None) as session:
        with session.transaction():
            work(session, first)
        load(database_urls, 0, HISTORY)
        with psycopg.connect(database_urls.app) as other:
            a_life(other, OTHERS)
        read = read_by(session, work, first)
    assert read["walked"] == 0
    assert 0 < read["looked_up"] <= FEW_FOR_EACH * first


def test_every_check_of_a_whole_statement_goes_by_indexes_alone(owner_connection: Connection[TupleRow]) -> None:
    """Also those of later migrations: CREATE OR REPLACE takes the settings away, and a new function has none."""
    found = owner_connection.execute(
        "SELECT DISTINCT p.proname, p.proconfig FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
        " WHERE t.tgnewtable IS NOT NULL OR t.tgoldtable IS NOT NULL"
    ).fetchall()
    assert len(found) >= 15
    assert [name for name, settings in found if not set(settings or ()) >= SETTINGS] == []
