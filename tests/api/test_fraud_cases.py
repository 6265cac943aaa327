"""Fraud cases over HTTP: the queue, one case in full, and what may be done about it by whom."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.api.asking import Caller
from tests.database import DatabaseUrls, flagging, scoring, stored, write
from vendorpay.api import examples

pytestmark = pytest.mark.anyio

CLEARED = {"decision": "cleared", "reasonCode": "verified_with_vendor", "notes": "The vendor sent the log."}
CONFIRMED = {"decision": "confirmed", "reasonCode": "not_performed"}
REVIEWER, COLLEAGUE = str(uuid4()), str(uuid4())


async def flagged(service: Caller, urls: DatabaseUrls, **fields: Any) -> dict[str, Any]:
    """A payment of the caller `examples.CREATOR` that a score flagged, as its case shows it."""
    body = {**examples.NEW_PAYMENT, "incidentId": str(uuid4()), **fields}
    created = await service.ask("POST", "/payments", body=body)
    assert created.status == 201, created.body
    with psycopg.connect(urls.app) as connection:
        write(connection, flagging(stored(connection, UUID(created.json["paymentId"]))))
    found: dict[str, Any] = (await service.ask("GET", "/fraud/cases?limit=200")).json["cases"][-1]
    assert found["paymentId"] == created.json["paymentId"]
    return found


async def approve(service: Caller, payment_id: str, *, sub: str = REVIEWER) -> str | int:
    answer = await service.ask("POST", f"/payments/{payment_id}/approve", sub=sub)
    return answer.status if answer.status == 200 else answer.code


async def test_what_is_flagged_stands_in_both_lists_until_somebody_decides(
    service: Caller, database_urls: DatabaseUrls
) -> None:
    cases = [await flagged(service, database_urls) for _ in range(3)]
    first = (await service.ask("GET", "/payments/flagged?limit=2", role="auditor")).json
    assert first["pagination"]["count"] == 2
    rest = (await service.ask("GET", f"/payments/flagged?cursor={first['pagination']['nextCursor']}")).json
    seen = [payment["paymentId"] for payment in first["payments"] + rest["payments"]]
    assert seen == [case["paymentId"] for case in cases]
    page = (await service.ask("GET", "/fraud/cases?status=open&limit=2", role="dispatcher")).json
    more = (await service.ask("GET", f"/fraud/cases?status=open&cursor={page['nextCursor']}")).json
    assert [case["caseId"] for case in page["cases"] + more["cases"]] == [case["caseId"] for case in cases]
    assert page["cases"][0]["payment"]["lineItems"]
    assert page["cases"][0]["openS"] >= 0
    decided = await service.ask("POST", f"/fraud/cases/{cases[0]['caseId']}/decide", sub=REVIEWER, body=CLEARED)
    assert decided.status == 200, decided.body
    assert len((await service.ask("GET", "/payments/flagged")).json["payments"]) == 2
    assert len((await service.ask("GET", "/fraud/cases?status=cleared")).json["cases"]) == 1
    assert (await service.ask("GET", "/fraud/cases?status=lost")).faults.keys() == {"status"}
    assert (await service.ask("GET", "/fraud/cases?cursor=AAAA")).code == "invalid_request"
    assert (await service.ask("GET", "/payments/flagged?limit=0")).code == "invalid_request"


async def test_fault_45_a_flagged_payment_is_approved_after_somebody_else_cleared_it(
    service: Caller, database_urls: DatabaseUrls
) -> None:
    case = await flagged(service, database_urls)
    decide = f"/fraud/cases/{case['caseId']}/decide"
    assert await approve(service, case["paymentId"]) == "fraud_review_required"
    assert await approve(service, case["paymentId"], sub=COLLEAGUE) == "fraud_review_required"
    assert (await service.ask("POST", decide, body=CLEARED)).code == "four_eyes"
    assert (await service.ask("POST", decide, role="auditor", sub=REVIEWER, body=CLEARED)).code == "forbidden"
    cleared = (await service.ask("POST", decide, role="dispatcher", sub=REVIEWER, body=CLEARED)).json
    assert (cleared["status"], cleared["decidedBy"]) == ("cleared", REVIEWER)
    assert (await service.ask("POST", decide, sub=COLLEAGUE, body=CONFIRMED)).code == "already_decided"
    assert await approve(service, case["paymentId"]) == 200
    events = (await service.ask("GET", f"/payments/{case['paymentId']}/audit-log")).json["entries"]
    assert [entry["action"] for entry in events][-2:] == ["fraud_case_cleared", "payment_approved"]
    assert events[-2]["notes"] == CLEARED["notes"]
    with psycopg.connect(database_urls.superuser) as connection:
        found = connection.execute("SELECT detail ->> 'decision' FROM outbox WHERE event_type = 'FraudCaseClosed'")
        assert found.fetchall() == [("cleared",)]


async def test_fraud_that_is_confirmed_ends_the_payment_and_can_block_its_vendor(
    service: Caller, database_urls: DatabaseUrls
) -> None:
    case = await flagged(service, database_urls)
    decide = f"/fraud/cases/{case['caseId']}/decide"
    body = {**CONFIRMED, "blockVendor": True}
    both = await service.ask("POST", decide, sub=REVIEWER, body={**CLEARED, "blockVendor": True})
    assert both.faults.keys() == {"blockVendor"}
    key = {"Idempotency-Key": "once"}
    confirmed = await service.ask("POST", decide, sub=REVIEWER, body=body, headers=key)
    assert confirmed.json["payment"]["status"] == "rejected"
    assert confirmed.json["vendorBlocked"] is True
    again = await service.ask("POST", decide, sub=REVIEWER, body=body, headers=key)
    assert again.json == confirmed.json
    assert again.headers["idempotent-replayed"] == "true"
    (listed,) = (await service.ask("GET", "/fraud/listings", role="auditor")).json["listings"]
    assert (listed["vendorId"], listed["kind"], listed["caseId"]) == (
        case["payment"]["vendorId"],
        "block",
        case["caseId"],
    )
    entries = (await service.ask("GET", f"/payments/{case['paymentId']}/audit-log")).json["entries"]
    assert [entry["action"] for entry in entries][-2:] == ["fraud_case_confirmed", "payment_rejected"]
    assert (await service.ask("POST", "/payments", body={**examples.NEW_PAYMENT})).status == 201


async def test_a_case_is_given_to_somebody_and_written_up(service: Caller, database_urls: DatabaseUrls) -> None:
    case = await flagged(service, database_urls)
    other = await flagged(service, database_urls, incidentId=case["payment"]["incidentId"], reference="second")
    place = f"/fraud/cases/{case['caseId']}"
    given = (await service.ask("POST", f"{place}/assign", sub=REVIEWER, body={"assignee": COLLEAGUE})).json
    assert given["assignee"] == COLLEAGUE
    mine = (await service.ask("GET", f"/fraud/cases?assignee={COLLEAGUE}")).json["cases"]
    assert [one["caseId"] for one in mine] == [case["caseId"]]
    noted = await service.ask("POST", f"{place}/notes", sub=COLLEAGUE, body={"notes": "Asked for photos."})
    assert noted.status == 200
    assert (await service.ask("POST", f"{place}/notes", body={"notes": " "})).faults.keys() == {"notes"}
    back = (await service.ask("POST", f"{place}/assign", sub=REVIEWER, body={"assignee": None})).json
    assert back["assignee"] is None
    assert (await service.ask("POST", f"{place}/assign", body={})).faults.keys() == {"assignee"}
    shown = (await service.ask("GET", place, role="auditor")).json
    assert [entry["action"] for entry in shown["history"]] == [
        "payment_scored",
        "fraud_case_opened",
        "fraud_case_assigned",
        "fraud_case_noted",
        "fraud_case_assigned",
    ]
    assert shown["history"][3]["notes"] == "Asked for photos."
    assert [twin["paymentId"] for twin in shown["twins"]] == [other["paymentId"]]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/fraud/cases/{}", None),
        ("POST", "/fraud/cases/{}/decide", CLEARED),
        ("POST", "/fraud/cases/{}/assign", {"assignee": "x"}),
        ("POST", "/fraud/cases/{}/notes", {"notes": "x"}),
    ],
)
async def test_another_organisations_case_is_not_there(
    method: str, path: str, body: Any, service: Caller, database_urls: DatabaseUrls
) -> None:
    case = await flagged(service, database_urls)
    place = path.format(case["caseId"])
    assert (await service.ask(method, place, claims={"org": "elsewhere"}, body=body)).code == "not_found"
    assert (await service.ask(method, path.format(uuid4()), body=body)).code == "not_found"
    for role in ("vendor", "driver", "service"):
        assert (await service.ask(method, place, role=role, body=body)).code == "forbidden"


async def test_a_vendor_sees_nothing_of_the_fraud_side(service: Caller, database_urls: DatabaseUrls) -> None:
    case = await flagged(service, database_urls)
    shown = await service.ask(
        "GET", f"/payments/{case['paymentId']}", role="vendor", claims={"vendor": case["payment"]["vendorId"]}
    )
    assert shown.status == 200
    assert not [name for name in shown.json if "fraud" in name.lower()]
    for path in ("/payments/flagged", "/fraud/cases", "/fraud/listings", "/fraud/rule-sets"):
        assert (await service.ask("GET", path, role="vendor")).code == "forbidden"


async def test_a_payment_that_is_scored_shows_it(service: Caller, database_urls: DatabaseUrls) -> None:
    created = (await service.ask("POST", "/payments", body=examples.NEW_PAYMENT)).json
    with psycopg.connect(database_urls.app) as connection:
        write(connection, scoring(stored(connection, UUID(created["paymentId"]))))
    shown = (await service.ask("GET", f"/payments/{created['paymentId']}")).json
    assert (shown["fraudScore"], shown["fraudStatus"]) == (0.1, "low_risk")
