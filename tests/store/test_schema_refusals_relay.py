"""What the database refuses about deliveries and those who bring them."""

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.store.refusals import DENIED, Attempt, Refusal, expect_refusal, table

LINE = """
INSERT INTO subscriptions (subscription_id, kind, name, shards, created_at)
VALUES (uuid7_of(now()), 'consumer', 'somebody', 16, now())
"""
IN_LINE = """
INSERT INTO deliveries (delivery_id, subscription_id, shard, org_id, position, aggregate_id, sequence, event_id,
                        event_type, due_at, created_at)
SELECT uuid7_of(now()), subscription_id, 0, 'roadcall', n, '01990000-0000-7000-8000-000000000001', n, uuid7_of(now()),
       'ThingHappened', now(), now()
FROM subscriptions CROSS JOIN generate_series(1, 2) AS n
"""
SETTLE = "UPDATE deliveries SET state = 'delivered', settled_at = now() WHERE sequence = 1"


def in_line(*statements: str) -> Attempt:
    """Statements, when two deliveries of one line are pending."""

    def attempt(connection: Connection[TupleRow]) -> None:
        for statement in (LINE, IN_LINE, *statements):
            connection.execute(statement.encode())

    return attempt


REFUSALS = table(
    Refusal(
        "15",
        "what is settled is not blocked",
        in_line(SETTLE, "UPDATE deliveries SET blocked = true WHERE sequence = 1"),
        "deliveries_blocked_is_pending",
    ),
    Refusal("15", "the same event twice in a line", in_line(IN_LINE), "deliveries_one_per_event"),
    Refusal(
        "15", "what is pending is never deleted", in_line("DELETE FROM deliveries"), "deliveries_only_settled_deleted"
    ),
    Refusal(
        "15",
        "what is dead is never deleted",
        in_line(
            "UPDATE deliveries SET state = 'dead', settled_at = now() WHERE sequence = 1",
            "DELETE FROM deliveries WHERE sequence = 1",
        ),
        "deliveries_only_settled_deleted",
    ),
    Refusal(
        "15",
        "delivered without a date",
        in_line("UPDATE deliveries SET state = 'delivered'"),
        "deliveries_settled_has_date",
    ),
    Refusal("15", "a place in the line is never changed", in_line("UPDATE deliveries SET sequence = 9"), DENIED),
    Refusal("15", "nor whom it is for", in_line("UPDATE deliveries SET subscription_id = delivery_id"), DENIED),
    Refusal("15", "leases are not deleted", in_line("DELETE FROM relay_leases"), DENIED),
    Refusal("15", "the list of relays is not truncated", in_line("TRUNCATE relay_presence"), DENIED),
)


@pytest.mark.parametrize("refusal", REFUSALS)
def test_the_service_cannot(app_connection: Connection[TupleRow], refusal: Refusal) -> None:
    expect_refusal(app_connection, refusal.attempt, refusal.name)


def test_whatever_settles_a_delivery_unblocks_the_next_of_its_line(app_connection: Connection[TupleRow]) -> None:
    in_line("UPDATE deliveries SET blocked = true WHERE sequence = 2", SETTLE)(app_connection)
    assert app_connection.execute("SELECT blocked FROM deliveries WHERE sequence = 2").fetchone() == (False,)


def test_a_state_that_changes_unblocks(app_connection: Connection[TupleRow]) -> None:
    in_line(
        "UPDATE deliveries SET blocked = true WHERE sequence = 2",
        "UPDATE deliveries SET state = 'cancelled', settled_at = now() WHERE sequence = 2",
    )(app_connection)
    assert app_connection.execute("SELECT blocked, state FROM deliveries WHERE sequence = 2").fetchone() == (
        False,
        "cancelled",
    )


def test_the_list_of_relays_is_not_truncated_even_by_its_owner(owner_connection: Connection[TupleRow]) -> None:
    expect_refusal(owner_connection, lambda connection: connection.execute("TRUNCATE relay_presence"), "append_only")
