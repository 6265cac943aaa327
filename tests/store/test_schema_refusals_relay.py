"""What the database refuses about deliveries and those who bring them."""

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.database import DatabaseUrls
from tests.store.endpoint_rows import a_new_endpoint, put
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


AGED = """
UPDATE deliveries SET state = '{state}', settled_at = now() - interval '31 days' WHERE sequence = 1
"""
SAID = "UPDATE deliveries SET state = '{}', settled_at = now() WHERE sequence = 1"
BORN = """
INSERT INTO deliveries (delivery_id, subscription_id, shard, org_id, position, aggregate_id, sequence, event_id,
                        event_type, due_at, created_at, {name})
SELECT uuid7_of(now()), subscription_id, 0, 'roadcall', 3, gen_random_uuid(), 1, uuid7_of(now()), 'ThingHappened',
       now(), now(), {value}
FROM subscriptions
"""
BIRTHS = {"state": "'delivered'", "settled_at": "now()", "attempts": "1", "last_error": "'x'", "blocked": "false"}
ATTEMPT = """
INSERT INTO delivery_attempts (delivery_id, attempt, attempted_at, duration_ms, status)
SELECT delivery_id, {attempt}, now(), 3, {status} FROM deliveries WHERE sequence = 1
"""


def to_an_endpoint(*statements: str) -> Attempt:
    """Statements, when two deliveries to a webhook endpoint are pending."""

    def attempt(connection: Connection[TupleRow]) -> None:
        put(connection, a_new_endpoint())
        for statement in (IN_LINE, *statements):
            connection.execute(statement.encode())

    return attempt


SUBSCRIBED = """
INSERT INTO subscriptions (subscription_id, kind, name, org_id, shards, created_at)
VALUES (uuid7_of(now()), '{kind}', 'somebody else', {org_id}, 16, now())
"""


def subscribing(*, kind: str, org_id: str) -> Attempt:
    """A subscription of that kind, made by the service."""
    return lambda connection: connection.execute(SUBSCRIBED.format(kind=kind, org_id=org_id).encode())


REFUSALS = table(
    Refusal("15", "a kind of subscription nobody knows", subscribing(kind="pigeon", org_id="NULL"),
            "subscriptions_kind_known"),
    Refusal("15", "a bus of one organisation", subscribing(kind="bus", org_id="'roadcall'"),
            "subscriptions_org_by_kind"),
    Refusal("15", "a webhook of all", subscribing(kind="webhook", org_id="NULL"), "subscriptions_org_by_kind"),
    Refusal("15", "settled in the past", in_line(AGED.format(state="delivered")), "deliveries_settled_now"),
    Refusal("15", "settled earlier than it was", in_line(
        SETTLE, "UPDATE deliveries SET settled_at = settled_at - interval '31 days' WHERE sequence = 1"
    ), "deliveries_settled_now"),
    Refusal("15", "a dead letter as delivered", in_line(SAID.format("dead"), SETTLE), "deliveries_moves"),
    Refusal("15", "what was cancelled as delivered", in_line(SAID.format("cancelled"), SETTLE), "deliveries_moves"),
    Refusal("15", "what was delivered as dead", in_line(SETTLE, SAID.format("dead")), "deliveries_moves"),
    Refusal("15", "what was delivered as cancelled", in_line(SETTLE, SAID.format("cancelled")), "deliveries_moves"),
    Refusal("15", "a delivery removed that was just settled", in_line(
        SETTLE, "DELETE FROM deliveries WHERE sequence = 1"), "deliveries_kept"),
    Refusal("15", "a webhook delivered that nobody tried", to_an_endpoint(SETTLE), "deliveries_answered"),
    Refusal("15", "a webhook delivered that was answered by a 410", to_an_endpoint(
        ATTEMPT.format(attempt=1, status=410), SETTLE), "deliveries_answered"),
    *(
        Refusal("15", f"a delivery that is born with {name}", in_line(BORN.format(name=name, value=value)), DENIED)
        for name, value in BIRTHS.items()
    ),
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
)  # fmt: skip


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


def test_a_webhook_is_delivered_together_with_its_try(database_urls: DatabaseUrls) -> None:
    """And not by a try of an earlier round, after somebody has ordered another."""
    again = "UPDATE deliveries SET state = 'pending', settled_at = NULL WHERE sequence = 1"
    with psycopg.connect(database_urls.app) as connection:
        to_an_endpoint(ATTEMPT.format(attempt=1, status=204), SETTLE, again)(connection)
        connection.commit()
        expect_refusal(connection, lambda c: c.execute(SETTLE.encode()), "deliveries_answered")
        connection.execute(f"WITH tried AS ({ATTEMPT.format(attempt=2, status=200)}) {SETTLE}".encode())


@pytest.mark.parametrize(("kind", "days"), [("consumer", 1), ("webhook", 30)])
def test_what_was_settled_is_kept_for_its_time_whoever_deletes(
    kind: str, days: int, module_database_urls: DatabaseUrls
) -> None:
    with psycopg.connect(module_database_urls.superuser) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")  # as if time had passed
        connection.execute(
            "INSERT INTO subscriptions (subscription_id, kind, name, org_id, shards, created_at)"
            " VALUES (uuid7_of(now()), %s, 'somebody', %s, 1, now())",
            [kind, None if kind == "consumer" else "roadcall"],
        )
        connection.execute(IN_LINE.encode())
        for sequence, kept in ((1, "0"), (2, "1 second")):
            connection.execute(
                "UPDATE deliveries SET state = 'delivered', settled_at = now() - make_interval(days => %s) + %s"
                " WHERE sequence = %s",
                [days, kept, sequence],
            )
        connection.execute("SET LOCAL session_replication_role = origin")
        connection.execute("DELETE FROM deliveries WHERE sequence = 1")
        expect_refusal(connection, lambda c: c.execute("DELETE FROM deliveries"), "deliveries_kept")
