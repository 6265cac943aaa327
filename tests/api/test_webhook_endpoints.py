"""Webhook endpoints over HTTP: who may, what is refused and how, and secrets that are shown once."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.api.asking import Answered, Caller
from tests.database import DatabaseUrls
from tests.usecases.world import Row
from vendorpay.api import webhook_examples as example
from vendorpay.domain.roles import Role

pytestmark = pytest.mark.anyio

PATH = "/webhook-endpoints"
URL = "https://ledger.example/hooks"


async def created(service: Caller, **fields: Any) -> Row:
    answer = await service.ask("POST", PATH, body={"url": URL, **fields})
    assert answer.status == 201, answer.body
    found: Row = answer.json
    return found


async def test_the_examples_of_the_document_work(service: Caller) -> None:
    made = await service.ask("POST", PATH, body=example.NEW)
    assert (made.status, made.headers["etag"]) == (201, '"1"')
    path = f"{PATH}/{made.json['endpointId']}"
    assert {*made.json} == {*example.CREATED}
    assert made.json["secret"].startswith("whsec_")
    shown = await service.ask("GET", path)
    assert {*shown.json} == {*example.SEEN}
    assert shown.headers["etag"] == '"1"'
    assert (await service.ask("GET", PATH)).json == {"endpoints": [shown.json]}
    moved = await service.ask("PATCH", path, body=example.MOVED, headers=[("If-Match", '"1"')])
    assert (moved.json["url"], moved.json["description"], moved.headers["etag"]) == (example.MOVED["url"], None, '"2"')
    off = await service.ask("PATCH", path, body=example.OFF, headers=[("If-Match", '"2"')])
    assert {**off.json}.keys() == example.SWITCHED_OFF.keys()
    rotated = await service.ask("POST", f"{path}/secrets", body=example.ROTATION)
    assert (rotated.status, len(rotated.json["secrets"])) == (201, 2)
    assert (await service.ask("POST", f"{path}/replay", body={"fromPosition": 0})).status == 202
    assert (await service.ask("GET", f"{path}/deliveries?state=dead&limit=20")).json == {
        "deliveries": [],
        "nextCursor": None,
    }
    assert (await service.ask("DELETE", path)).status == 204
    assert (await service.ask("GET", PATH)).json == {"endpoints": []}


async def test_a_secret_is_shown_once_more_to_the_same_request_and_stands_in_no_answer_that_is_kept(
    service: Caller, database_urls: DatabaseUrls
) -> None:
    key = [("Idempotency-Key", "once")]
    first = await service.ask("POST", PATH, body={"url": URL}, headers=key)
    again = await service.ask("POST", PATH, body={"url": URL}, headers=key)
    assert (again.status, again.body, again.headers["idempotent-replayed"]) == (201, first.body, "true")
    path = f"{PATH}/{first.json['endpointId']}"
    rotation = [await service.ask("POST", f"{path}/secrets", headers=[("Idempotency-Key", "r")]) for _ in range(2)]
    assert rotation[0].body == rotation[1].body
    assert rotation[0].json["secret"] != first.json["secret"]
    for shown in (first, rotation[0]):
        with psycopg.connect(database_urls.readonly) as connection:
            kept = connection.execute("SELECT convert_from(answer, 'UTF8') FROM commands").fetchall()
        assert kept
        assert not any(shown.json["secret"] in answer or '"secret"' in answer for (answer,) in kept)
    for answer in (await service.ask("GET", path), await service.ask("GET", PATH)):
        assert b"whsec_" not in answer.body
    reused = await service.ask("POST", PATH, body={"url": URL, "maxInFlight": 2}, headers=key)
    assert (reused.status, reused.code) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
async def test_only_administrators_change_them_and_auditors_look(service: Caller, role: Role) -> None:
    claims = {"vendor": str(uuid4())} if role is Role.VENDOR else {}
    path = f"{PATH}/{example.ENDPOINT_ID}"
    changes = [
        ("POST", PATH, {"url": URL}),
        ("PATCH", path, {"status": "disabled"}),
        ("DELETE", path, None),
        ("POST", f"{path}/secrets", {}),
        ("POST", f"{path}/replay", {"fromPosition": 0}),
        ("POST", f"/webhook-deliveries/{example.DELIVERY_ID}/redeliver", {}),
    ]
    for method, target, body in changes:
        answer = await service.ask(method, target, role=role, claims=claims, body=body)
        assert (answer.status, answer.code) == (403, "forbidden"), (method, target)
    looks = 200 if role is Role.AUDITOR else 403
    assert (await service.ask("GET", PATH, role=role, claims=claims)).status == looks


async def test_another_organisations_is_not_there(service: Caller) -> None:
    endpoint = await created(service)
    path, other = f"{PATH}/{endpoint['endpointId']}", {"org": "somebody-else"}
    asked = [
        ("GET", path, None),
        ("PATCH", path, {"status": "disabled"}),
        ("DELETE", path, None),
        ("POST", f"{path}/secrets", {}),
        ("POST", f"{path}/replay", {"fromPosition": 0}),
        ("GET", f"{path}/deliveries", None),
        ("POST", f"/webhook-deliveries/{uuid4()}/redeliver", None),
    ]
    for method, target, body in asked:
        answer = await service.ask(method, target, claims=other, body=body, headers=[("If-Match", '"1"')])
        assert (answer.status, answer.code) == (404, "not_found"), (method, target)
    assert (await service.ask("GET", PATH, claims=other)).json == {"endpoints": []}


async def test_every_wrong_field_is_named_at_once(service: Caller) -> None:
    wrong = {
        "url": "receiver.example",
        "eventTypes": ["PaymentApproved", "PaymentAproved"],
        "description": " ",
        "maxInFlight": 51,
        "fromPosition": -1,
        "secret": "mine",
    }
    answer = await service.ask("POST", PATH, body=wrong)
    assert (answer.status, answer.code) == (400, "invalid_request")
    assert answer.faults.keys() == {"url", "eventTypes[1]", "description", "maxInFlight", "fromPosition", "secret"}
    endpoint = await created(service)
    patched = await service.ask(
        "PATCH",
        f"{PATH}/{endpoint['endpointId']}",
        body={"url": None, "status": "deleted", "eventTypes": ["x"], "maxInFlight": 0},
        headers=[("If-Match", "1")],
    )
    assert patched.faults.keys() == {"url", "status", "eventTypes[0]", "maxInFlight", "If-Match"}
    for body, field in (({}, "$"), ([], "$")):
        nothing = await service.ask("PATCH", f"{PATH}/{endpoint['endpointId']}", body=body, headers=[("If-Match", "*")])
        assert (nothing.status, list(nothing.faults)) == (400, [field])


@pytest.mark.parametrize(
    "url",
    ["http://ledger.example/", "https://localhost/", "https://10.0.0.1/", "https://2130706433/", "https://[::1]/"],
)
async def test_a_url_that_leads_inside_is_refused(service: Caller, url: str) -> None:
    answer = await service.ask("POST", PATH, body={"url": url})
    assert (answer.status, list(answer.faults)) == (400, ["url"])


async def test_what_has_changed_since_it_was_seen_is_not_overwritten(service: Caller) -> None:
    """Origin 81: the last of two who edit at once won, and the other's change was gone."""
    endpoint = await created(service)
    path = f"{PATH}/{endpoint['endpointId']}"

    async def patched(*match: str) -> Answered:
        return await service.ask("PATCH", path, body={"maxInFlight": 5}, headers=[("If-Match", text) for text in match])

    assert (await patched()).code == "precondition_required"
    assert (await patched('"2"')).code == "precondition_failed"
    assert (await patched('"1"')).status == 200
    assert (await patched('"1"')).code == "precondition_failed"
    stale = [("If-Match", '"1"')]
    for method, target in (("DELETE", path), ("POST", f"{path}/secrets")):
        assert (await service.ask(method, target, headers=stale)).status == 412
    assert (await service.ask("GET", path)).json["version"] == 2


async def test_an_organisation_that_has_twenty_hears_so(service: Caller) -> None:
    for _ in range(20):
        await created(service)
    answer = await service.ask("POST", PATH, body={"url": URL})
    assert (answer.status, answer.code) == (403, "limit_exceeded")
    assert "20 webhook endpoints" in answer.json["detail"]


async def test_a_position_that_is_not_there_yet_is_refused_by_name(service: Caller) -> None:
    answer = await service.ask("POST", PATH, body={"url": URL, "fromPosition": 2**53})
    assert (answer.status, list(answer.faults)) == (400, ["fromPosition"])
    endpoint = await created(service, fromPosition=0)
    beyond = await service.ask("POST", f"{PATH}/{endpoint['endpointId']}/replay", body={"fromPosition": 99})
    assert (beyond.status, list(beyond.faults)) == (400, ["fromPosition"])


async def test_a_cursor_of_another_list_is_refused(service: Caller) -> None:
    endpoint = await created(service)
    answer = await service.ask("GET", f"{PATH}/{endpoint['endpointId']}/deliveries?cursor=AAAA&state=lost")
    assert (answer.status, list(answer.faults)) == (400, ["state"])
    answer = await service.ask("GET", f"{PATH}/{endpoint['endpointId']}/deliveries?cursor=AAAA")
    assert (answer.status, list(answer.faults)) == (400, ["cursor"])
