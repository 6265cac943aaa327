"""What docs/operations.md tells an operator to type about subscribers works as it stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Final

import psycopg
import pytest

from tests.api.asking import Answered, Caller
from tests.database import DatabaseUrls
from vendorpay.domain.roles import Role

pytestmark = pytest.mark.anyio

PAGE: Final = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
CURLS: Final = re.findall(r"^curl .*$", PAGE, re.MULTILINE)
QUERIES: Final = re.findall(r'^vendorpay db shell --role readonly --command "\n(.*?)"$', PAGE, re.MULTILINE | re.DOTALL)
NOBODY: Final = "00000000-0000-7000-8000-000000000000"
UNKNOWN: Final = ("redeliver", "redrive")
"""What is asked of a delivery that there is not."""


async def typed(service: Caller, line: str, endpoint_id: str) -> Answered:
    """What a line of the page is answered."""
    words = shlex.split(line.replace("$ENDPOINT", endpoint_id).replace("$DELIVERY", NOBODY))[1:]
    method, body, headers = "GET", None, []
    while words[0].startswith("-"):
        option, value, *words = words
        if option == "-X":
            method = value
        elif option == "-d":
            body = value.replace("4711", "0").encode()
        elif value != "$AUTH":
            assert option == "-H"
            name, _, content = value.replace("$JSON", "Content-Type: application/json").partition(": ")
            headers.append((name, content))
    (url,) = words
    return await service.ask(method, url.removeprefix("$URL"), role=Role.ADMIN, body=body, headers=headers)


async def test_every_request_of_the_page_is_answered(service: Caller) -> None:
    made = await service.ask("POST", "/webhook-endpoints", body={"url": "https://ledger.example/hooks"})
    ordered = sorted(CURLS, key=lambda line: "DELETE" in line)  # the last one takes the endpoint away
    assert len(ordered) == 10
    for line in ordered:
        answer = await typed(service, line, made.json["endpointId"])
        if any(verb in line for verb in UNKNOWN):
            assert (answer.status, NOBODY in answer.json["detail"]) == (404, True), line
        else:
            assert answer.status in {200, 202, 204}, (line, answer.body)


async def test_every_query_of_the_page_is_one_that_a_reader_may_ask(
    service: Caller, database_urls: DatabaseUrls
) -> None:
    made = await service.ask("POST", "/webhook-endpoints", body={"url": "https://ledger.example/hooks"})
    with psycopg.connect(database_urls.superuser, autocommit=True) as superuser:
        superuser.execute(
            "INSERT INTO deliveries (delivery_id, subscription_id, shard, org_id, position, aggregate_id, sequence,"
            " event_id, event_type, due_at, created_at, attempts, last_error)"
            " SELECT uuid7_of(now()), subscription_id, 0, org_id, 1, gen_random_uuid(), 1, gen_random_uuid(),"
            " 'PaymentCreated', now(), now(), 1, 'refused' FROM subscriptions WHERE kind = 'webhook'"
        )
        superuser.execute("SET session_replication_role = replica")
        superuser.execute(
            "INSERT INTO feed_positions SELECT 'default', n, gen_random_uuid(), 1,"
            " timestamptz '2026-02-28 23:00+00' + n * interval '20 minutes' FROM generate_series(1, 5) n"
        )
    with psycopg.connect(database_urls.readonly) as reader:
        behind, position = (reader.execute(query).fetchall() for query in QUERIES)
    ((_, endpoint_id, status, pending, oldest, _, last_error),) = behind
    assert (str(endpoint_id), status, pending, last_error) == (made.json["endpointId"], "enabled", 1, "refused")
    assert oldest is not None
    assert position == [(2,)]


def test_nothing_on_the_page_is_broken_by_the_shell() -> None:
    assert len(QUERIES) == 2
    assert not [query for query in QUERIES if re.search(r'["$`\\]', query)]
