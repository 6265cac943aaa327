"""What the database refuses about positions: they are given once, by the sequencer, 1 to n."""

from uuid import RFC_4122

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.database import Row, new_payment, write
from tests.store.refusals import DENIED, Attempt, Refusal, expect_refusal, sql_alone, table

EVENT = "(%(org)s, {position}, %(id)s, {sequence}, now())"


def numbered(connection: Connection[TupleRow]) -> Row:
    """A payment whose event and audit entry have position 1."""
    payment = write(connection, new_payment())
    # Rows of one's own transaction are in no snapshot: they are placed as the sequencer places them.
    given = {"org": payment["org_id"], "id": payment["payment_id"], "event": payment["payment_id"]}
    connection.execute(
        "SELECT place_events(ARRAY[%(org)s], ARRAY[%(id)s]::uuid[], ARRAY[1], ARRAY[%(event)s]::uuid[],"
        " ARRAY['PaymentCreated'], now())",
        given,
    )
    connection.execute("SELECT place_audit_entries(ARRAY[%(id)s]::uuid[], ARRAY[1])", given)
    return payment


def after_numbering(statement: str) -> Attempt:
    """One statement of the owner's, when the first positions are given."""

    def attempt(connection: Connection[TupleRow]) -> None:
        payment = numbered(connection)
        connection.execute(statement.encode(), {"org": payment["org_id"], "id": payment["payment_id"]})

    return attempt


def one_more(statement: str, counter: str) -> Attempt:
    """The same for another payment, whose event has no position yet, with the counters set."""

    def attempt(connection: Connection[TupleRow]) -> None:
        numbered(connection)
        payment = write(connection, new_payment())
        connection.execute(f"UPDATE position_counters SET {counter}".encode())
        connection.execute(statement.encode(), {"org": payment["org_id"], "id": payment["payment_id"]})

    return attempt


INSERT = "INSERT INTO feed_positions (org_id, position, aggregate_id, sequence, numbered_at) VALUES "
AUDIT_INSERT = "INSERT INTO audit_positions (position, subject_id, seq) VALUES "
FEED_IS = "last_position = last_position"

BY_OWNER = table(
    Refusal("14", "a position is left out", one_more(INSERT + EVENT.format(position=3, sequence=1),
                                                     "last_position = 3"), "feed_positions_dense"),
    Refusal("14", "a position the counter does not know of", one_more(
        INSERT + EVENT.format(position=2, sequence=1), FEED_IS), "feed_positions_dense"),
    Refusal("14", "a counter beyond the last position", one_more(
        INSERT + EVENT.format(position=2, sequence=1), "last_position = 3"), "feed_positions_dense"),
    Refusal("14", "a position given twice", one_more(
        INSERT + EVENT.format(position=1, sequence=1), FEED_IS), "feed_positions_pkey"),
    Refusal("14", "an event numbered twice", after_numbering(
        "WITH c AS (UPDATE position_counters SET last_position = 2 WHERE stream = 'feed') "
        + INSERT + EVENT.format(position=2, sequence=1)), "feed_positions_one_per_event"),
    Refusal("14", "the position of no event", one_more(
        INSERT + EVENT.format(position=2, sequence=2), "last_position = 2"), "feed_positions_of_event"),
    Refusal("14", "the position of another organisation's event", one_more(
        "WITH c AS (INSERT INTO position_counters VALUES ('feed', 'other', 1)) "
        + INSERT + "('other', 1, %(id)s, 1, now())", FEED_IS), "feed_positions_of_event"),
    Refusal("14", "position 0", one_more(
        INSERT + EVENT.format(position=0, sequence=1), FEED_IS), "feed_positions_positive"),
    Refusal("14", "a position that changes", after_numbering("UPDATE feed_positions SET position = 2"), "append_only"),
    Refusal("14", "a position that is removed", after_numbering("DELETE FROM feed_positions"), "append_only"),
    Refusal("14", "all positions removed", sql_alone("TRUNCATE feed_positions"), "append_only"),
    Refusal("14", "a counter removed", after_numbering("DELETE FROM position_counters"), "append_only"),
    Refusal("14", "all counters removed", sql_alone("TRUNCATE position_counters"), "append_only"),
    Refusal("14", "the sequencer's memory removed", sql_alone("DELETE FROM sequencer"), "append_only"),
    Refusal("14", "a counter for all organisations together", sql_alone(
        "INSERT INTO position_counters VALUES ('feed', '', 1)"), "position_counters_audit_is_one"),
    Refusal("14", "an event of no organisation, which would stop the sequencer", sql_alone(
        "INSERT INTO outbox (org_id, aggregate_type, aggregate_id, sequence, event_id, event_type, detail, occurred_at)"
        " VALUES ('', 'vendor', uuid7_of(now()), 1, gen_random_uuid(), 'X', '{}', now())"), "outbox_org_id_named"),
    Refusal("19", "an audit position is left out", one_more(
        AUDIT_INSERT + "(3, %(id)s, 1)", "last_position = 3"), "audit_positions_dense"),
    Refusal("19", "an audit position the counter does not know of", one_more(
        AUDIT_INSERT + "(2, %(id)s, 1)", FEED_IS), "audit_positions_dense"),
    Refusal("19", "an audit entry numbered twice", after_numbering(
        "WITH c AS (UPDATE position_counters SET last_position = 2 WHERE stream = 'audit') "
        + AUDIT_INSERT + "(2, %(id)s, 1)"), "audit_positions_one_per_entry"),
    Refusal("19", "an audit position changed", after_numbering("UPDATE audit_positions SET seq = 2"), "append_only"),
    Refusal("19", "an audit position that is removed", after_numbering("DELETE FROM audit_positions"), "append_only"),
    Refusal("19", "all audit positions removed", sql_alone("TRUNCATE audit_positions"), "append_only"),
    Refusal("14", "a pass of no rows", sql_alone("SELECT number_stream('feed', 0, NULL)"), "sequencer_pass_limited"),
    Refusal("14", "a pass without a limit", sql_alone(
        "SELECT number_stream('feed', NULL, NULL)"), "sequencer_pass_limited"),
    Refusal("14", "a stream that is none", sql_alone("SELECT number_stream('x', 1, NULL)"), "sequencer_pass_limited"),
    Refusal("14", "renumbering no stream", sql_alone("SELECT renumber_stream(NULL)"), "sequencer_pass_limited"),
)  # fmt: skip

BY_APP = table(
    *(
        Refusal("14", f"the service calls {call.partition('(')[0]}", sql_alone(f"SELECT {call}"), DENIED)
        for call in (
            "place_events('{}', '{}', '{}', '{}', '{}', now())",
            "place_audit_entries('{}', '{}')",
            "number_events('{}', '3', '3:3:', NULL)",
            "number_audit_entries('{}', '3', '3:3:', NULL)",
            "renumber_events()",
            "renumber_audit_entries()",
        )
    ),
    *(
        Refusal("14", f"the service says {statement[:50]}", sql_alone(statement), DENIED)
        for statement in (
            INSERT + "('o', 1, gen_random_uuid(), 1, now())",
            "UPDATE feed_positions SET position = 1",
            "DELETE FROM feed_positions",
            AUDIT_INSERT + "(1, gen_random_uuid(), 1)",
            "UPDATE audit_positions SET position = 1",
            "DELETE FROM audit_positions",
            "UPDATE position_counters SET last_position = 1",
            "INSERT INTO position_counters VALUES ('feed', 'o', 1)",
            "UPDATE sequencer SET seen = '3:3:'",
            "UPDATE sequencer SET server = ''",
        )
    ),
)  # fmt: skip


@pytest.mark.parametrize("refusal", BY_OWNER)
def test_the_owner_is_refused(refusal: Refusal, owner_connection: Connection[TupleRow]) -> None:
    expect_refusal(owner_connection, refusal.attempt, refusal.name)


@pytest.mark.parametrize("refusal", BY_APP)
def test_the_service_is_refused(refusal: Refusal, app_connection: Connection[TupleRow]) -> None:
    expect_refusal(app_connection, refusal.attempt, refusal.name)


@pytest.mark.parametrize("call", ["number_stream('feed', 1, NULL)", "renumber_stream('feed')"])
def test_reading_roles_number_nothing(call: str, readonly_connection: Connection[TupleRow]) -> None:
    expect_refusal(readonly_connection, sql_alone(f"SELECT {call}"), DENIED)


def test_what_the_attempts_above_begin_with_is_right(owner_connection: Connection[TupleRow]) -> None:
    numbered(owner_connection)
    for name in ("feed_positions", "audit_positions"):
        assert owner_connection.execute(f"SELECT position FROM {name}".encode()).fetchall() == [(1,)]


def test_ids_of_one_moment_sort_as_their_counter(owner_connection: Connection[TupleRow]) -> None:
    """A delivery log pages by id, and a pass of the sequencer makes many deliveries at one moment."""
    rows = owner_connection.execute(
        "SELECT n, uuid7_of('2026-11-23T10:00:00Z', n) AS id FROM generate_series(4000, 12000, 7) AS n ORDER BY id"
    ).fetchall()
    assert [n for n, _ in rows] == list(range(4000, 12001, 7))
    assert {(one.version, one.variant, one.int >> 80) for _, one in rows} == {(7, RFC_4122, rows[0][1].int >> 80)}
