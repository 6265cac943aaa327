"""Dead letters over HTTP: who sees which, and sending one again once and for all."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.api.asking import Caller
from tests.database import DatabaseUrls
from vendorpay.entrypoints.ids import new_id, system_now

pytestmark = pytest.mark.anyio

ORG = "default"
REDRIVE = "/events/dead-letters/{}/redrive"


def dead(urls: DatabaseUrls, *, org_id: str = ORG, state: str = "dead") -> UUID:
    """A delivery to a consumer of our own, given up after ten tries unless another state is wanted."""
    delivery_id = new_id(system_now())
    with psycopg.connect(urls.superuser) as connection:
        connection.execute(
            "INSERT INTO subscriptions (subscription_id, kind, name, shards, created_at)"
            " VALUES (uuid7_of(now()), 'consumer', 'scoring', 16, now()) ON CONFLICT DO NOTHING"
        )
        connection.execute(
            "INSERT INTO deliveries (delivery_id, subscription_id, shard, org_id, position, aggregate_id, sequence,"
            " event_id, event_type, state, attempts, due_at, created_at, settled_at, last_error)"
            " SELECT %s, subscription_id, 0, %s, 17, uuid7_of(now()), 3, %s, 'PaymentHeld', %s, 10, now(), now(),"
            " now(), 'not_found: gone' FROM subscriptions",
            (delivery_id, org_id, uuid4(), state),
        )
    return delivery_id


def stored(urls: DatabaseUrls, delivery_id: UUID) -> dict[str, Any]:
    """The delivery's row."""
    with psycopg.connect(urls.superuser, row_factory=dict_row) as connection:
        row = connection.execute("SELECT * FROM deliveries WHERE delivery_id = %s", (delivery_id,)).fetchone()
    assert row
    return row


async def test_dead_letters_are_listed_oldest_first_and_page_by_page(
    service: Caller, database_urls: DatabaseUrls
) -> None:
    ids = [str(dead(database_urls)) for _ in range(3)]
    dead(database_urls, org_id="elsewhere")
    dead(database_urls, state="delivered")
    first = (await service.ask("GET", "/events/dead-letters?limit=2", role="auditor")).json
    rest = (await service.ask("GET", f"/events/dead-letters?limit=2&cursor={first['nextCursor']}")).json
    assert [one["deliveryId"] for one in first["deadLetters"] + rest["deadLetters"]] == ids
    assert rest["nextCursor"] is None
    shown = first["deadLetters"][0]
    assert (shown["subscriptionKind"], shown["subscriptionName"]) == ("consumer", "scoring")
    assert (shown["position"], shown["sequence"], shown["attempts"]) == (17, 3, 10)
    assert shown["lastError"] == "not_found: gone"


async def test_a_dead_letter_is_sent_again_once_and_the_same_key_gets_the_same_answer(
    service: Caller, database_urls: DatabaseUrls
) -> None:
    delivery_id = dead(database_urls)
    key = {"Idempotency-Key": "mended"}
    first = await service.ask("POST", REDRIVE.format(delivery_id), headers=key)
    assert (first.status, first.json["state"], first.json["attempts"]) == (202, "pending", 0)
    row = stored(database_urls, delivery_id)
    assert (row["state"], row["attempts"], row["settled_at"], row["last_error"]) == (
        "pending",
        0,
        None,
        "not_found: gone",
    )
    again = await service.ask("POST", REDRIVE.format(delivery_id), headers=key)
    assert (again.status, again.body, again.headers["idempotent-replayed"]) == (202, first.body, "true")
    assert (await service.ask("POST", REDRIVE.format(delivery_id))).status == 404, "it is not dead any more"
    with psycopg.connect(database_urls.superuser) as connection:
        commands = connection.execute("SELECT operation, caller FROM commands").fetchall()
    assert [operation for operation, _ in commands] == ["redrive_dead_letter"], (
        "what was done, and by whom, is on record"
    )


@pytest.mark.parametrize("state", ["delivered", "cancelled"])
async def test_what_is_not_dead_or_not_ours_is_not_found(
    service: Caller, database_urls: DatabaseUrls, state: str
) -> None:
    settled, foreign = dead(database_urls, state=state), dead(database_urls, org_id="elsewhere")
    for delivery_id in (settled, foreign, uuid4()):
        answer = await service.ask("POST", REDRIVE.format(delivery_id))
        assert (answer.status, answer.code) == (404, "not_found")
    assert stored(database_urls, foreign)["state"] == "dead"
    assert stored(database_urls, settled)["state"] == state


async def test_who_may_only_look_cannot_redrive(service: Caller, database_urls: DatabaseUrls) -> None:
    delivery_id = dead(database_urls)
    for role in ("auditor", "dispatcher", "service", "vendor", "driver"):
        assert (await service.ask("POST", REDRIVE.format(delivery_id), role=role)).status == 403
    assert (await service.ask("GET", "/events/dead-letters", role="dispatcher")).status == 403
    assert stored(database_urls, delivery_id)["state"] == "dead"


async def test_a_cursor_of_another_list_is_refused(service: Caller, database_urls: DatabaseUrls) -> None:
    answer = await service.ask("GET", "/events/dead-letters?cursor=abc")
    assert (answer.status, list(answer.faults)) == (400, ["cursor"])
