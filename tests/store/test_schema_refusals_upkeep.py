"""What has its time to be kept is kept by the schema, whoever deletes, and upkeep takes little at once."""

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.store.refusals import DENIED, Refusal, expect_refusal, sql_alone, table

YOUNG = """
INSERT INTO commands (command_id, org_id, operation, caller, answer, created_at)
SELECT uuid7_of(now() - interval '31 days'), 'roadcall', 'createPayment', 'somebody', '', now() - interval '31 days'
"""
BACKDATED = """
INSERT INTO commands (command_id, org_id, operation, caller, answer, created_at, recorded_at)
VALUES (gen_random_uuid(), 'roadcall', 'createPayment', 'somebody', '', now(), now() - interval '31 days')
"""
A_SUBSCRIPTION = """
INSERT INTO subscriptions (subscription_id, kind, name, shards, created_at)
VALUES ('00000000-0000-7000-8000-000000000001', 'consumer', 'of a test', 1, now())
"""
A_DELIVERY = """
INSERT INTO deliveries (delivery_id, subscription_id, shard, org_id, position, aggregate_id, sequence, event_id,
                        event_type, state, due_at, created_at, settled_at)
VALUES (gen_random_uuid(), '00000000-0000-7000-8000-000000000001', 0, 'roadcall', 1, gen_random_uuid(), 1,
        gen_random_uuid(), 'PaymentCreated', '{state}', now(), now(), {settled})
"""

APP = table(
    Refusal("1", "deleting commands by itself", sql_alone("DELETE FROM commands"), DENIED),
    Refusal("1", "saying when the database took a command", sql_alone(BACKDATED), DENIED),
    Refusal("1", "no number of commands", sql_alone("SELECT delete_expired_commands(NULL)"), "upkeep_batch_limited"),
    Refusal("1", "none of the commands", sql_alone("SELECT delete_expired_commands(0)"), "upkeep_batch_limited"),
    Refusal("1", "all commands at once", sql_alone("SELECT delete_expired_commands(10001)"), "upkeep_batch_limited"),
)


@pytest.mark.parametrize("refusal", APP)
def test_the_service_cannot_forget_answers_by(refusal: Refusal, app_connection: Connection[TupleRow]) -> None:
    expect_refusal(app_connection, refusal.attempt, refusal.name)


def test_readonly_deletes_nothing(readonly_connection: Connection[TupleRow]) -> None:
    expect_refusal(readonly_connection, sql_alone("SELECT delete_expired_commands(1)"), DENIED)


def test_not_even_the_owner_deletes_a_command_within_30_days_whatever_the_services_clock_said(
    owner_connection: Connection[TupleRow],
) -> None:
    def attempt(connection: Connection[TupleRow]) -> None:
        connection.execute(YOUNG.encode())
        connection.execute(b"DELETE FROM commands")

    expect_refusal(owner_connection, attempt, "commands_kept_30_days")


@pytest.mark.parametrize(("state", "settled"), [("pending", "NULL"), ("dead", "now()")])
def test_not_even_the_owner_deletes_what_is_not_delivered(
    state: str, settled: str, owner_connection: Connection[TupleRow]
) -> None:
    def attempt(connection: Connection[TupleRow]) -> None:
        connection.execute(A_SUBSCRIPTION.encode())
        connection.execute(A_DELIVERY.format(state=state, settled=settled).encode())
        connection.execute(b"DELETE FROM deliveries")

    expect_refusal(owner_connection, attempt, "deliveries_only_settled_deleted")
