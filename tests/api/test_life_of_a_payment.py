"""Payments over HTTP on a real database: creation, decisions, repeated requests, lists, and who sees what."""

import asyncio
from typing import Any
from uuid import uuid4

import anyio
import pytest

from tests.api.asking import JSON, Answered, Caller
from vendorpay.api import examples
from vendorpay.domain.roles import Role
from vendorpay.usecases import check_readiness
from vendorpay.usecases.deps import Deps

pytestmark = pytest.mark.anyio

APPROVER = examples.APPROVER
PAYEE_HIDES = {"approvals", "approvedBy", "holds", "fraudScore", "fraudStatus", "fraudReasons", "metadata"}


def bill(**changes: Any) -> dict[str, Any]:
    return {**examples.NEW_PAYMENT, "incidentId": str(uuid4()), **changes}


async def created(service: Caller, **changes: Any) -> dict[str, Any]:
    answer = await service.ask("POST", "/payments", body=bill(**changes))
    assert answer.status == 201, answer.body
    payment: dict[str, Any] = answer.json
    return payment


async def decided(service: Caller, payment: dict[str, Any], verb: str, **more: Any) -> Answered:
    body = {} if verb == "approve" else {"reason": "Because."}
    return await service.ask("POST", f"/payments/{payment['paymentId']}/{verb}", sub=APPROVER, body=body, **more)


async def test_a_payment_is_created_approved_and_explained(service: Caller) -> None:
    """Origin 72, 73, 76: the actor was wrong, notes were lost, and nobody could read the audit trail."""
    payment = await created(service)
    path = f"/payments/{payment['paymentId']}"
    shown = await service.ask("GET", path)
    assert shown.json == payment
    assert shown.headers["etag"] == '"1"'
    approved = await service.ask("POST", f"{path}/approve", role="dispatcher", sub=APPROVER, body=examples.APPROVAL)
    assert approved.json["status"] == "approved"
    assert approved.json["approvedBy"] == APPROVER
    assert (await service.ask("GET", path)).json == approved.json
    log = (await service.ask("GET", f"{path}/audit-log")).json["entries"]
    assert [(entry["seq"], entry["action"], entry["actorType"]) for entry in log] == [
        (1, "payment_created", "admin"),
        (2, "payment_approved", "user"),
    ]
    assert log[1]["notes"] == examples.APPROVAL["notes"]
    assert log[1]["prevHash"] == log[0]["hash"]


async def test_a_get_with_the_present_etag_has_no_body(service: Caller) -> None:
    payment = await created(service)
    path = f"/payments/{payment['paymentId']}"
    for known in ('"1"', 'W/"1"', '"7", "1"', "*"):
        answer = await service.ask("GET", path, headers={"If-None-Match": known})
        assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", '"1"')
    await decided(service, payment, "reject")
    assert (await service.ask("GET", path, headers={"If-None-Match": '"1"'})).status == 200


async def test_the_same_request_under_a_key_is_done_once(service: Caller) -> None:
    """Origin 29: a double click made two payments."""
    body, headers = bill(), {"Idempotency-Key": "double click"}
    first = await service.ask("POST", "/payments", body=body, headers=headers)
    again = await service.ask("POST", "/payments", body=body, headers=headers)
    assert (again.status, again.body) == (first.status, first.body)
    assert again.headers["idempotent-replayed"] == "true"
    other = await service.ask("POST", "/payments", body={**body, "reference": "other"}, headers=headers)
    assert (other.status, other.code) == (422, "idempotency_key_reused")


async def test_a_second_live_payment_for_a_job_is_refused_and_named(service: Caller) -> None:
    payment = await created(service)
    again = await service.ask("POST", "/payments", body=bill(incidentId=payment["incidentId"]))
    assert (again.status, again.code) == (409, "duplicate_payment")
    assert again.json["existingPaymentId"] == payment["paymentId"]
    await decided(service, payment, "cancel")
    second = await created(service, incidentId=payment["incidentId"])
    newest = await service.ask("GET", f"/incidents/{payment['incidentId']}/payment")
    assert newest.json == second


async def test_refusals_of_a_decision_have_the_promised_codes(service: Caller) -> None:
    """Origin 35, 52: any status could follow any, and creators approved themselves."""
    payment = await created(service)
    path = f"/payments/{payment['paymentId']}"
    assert (await service.ask("POST", f"{path}/approve")).code == "four_eyes"
    wrong = await service.ask("POST", f"{path}/approve", sub=APPROVER, body={"expectedDigest": "0" * 64})
    assert (wrong.status, wrong.code) == (409, "digest_mismatch")
    assert (await decided(service, payment, "reject")).json["status"] == "rejected"
    assert (await decided(service, payment, "approve")).code == "already_decided"
    assert (await decided(service, payment, "cancel")).code == "invalid_transition"
    missing = {"paymentId": str(uuid4())}
    assert (await decided(service, missing, "approve")).code == "not_found"


async def test_another_organisations_payment_does_not_exist(service: Caller) -> None:
    """Origin 50: any user read any payment."""
    payment = await created(service)
    path = f"/payments/{payment['paymentId']}"
    other = {"org": "elsewhere"}
    for target in (path, f"{path}/audit-log", f"/incidents/{payment['incidentId']}/payment"):
        assert (await service.ask("GET", target, claims=other)).code == "not_found"
    assert (await decided(service, payment, "approve", claims=other)).code == "not_found"
    for target in ("/payments", "/payments/pending", f"/vendors/{payment['vendorId']}/payments"):
        assert (await service.ask("GET", target, claims=other)).json["payments"] == []


async def test_payees_see_their_own_payments_without_the_back_offices_side(service: Caller) -> None:
    """Origin 50: vendors saw fraud scores and everybody's payments."""
    mine = await created(service)
    await decided(service, mine, "approve")
    await created(service, vendorId=str(uuid4()))
    vendor: dict[str, Any] = {"role": "vendor", "claims": {"vendor": mine["vendorId"]}}
    (seen,) = (await service.ask("GET", "/payments", **vendor)).json["payments"]
    assert seen["paymentId"] == mine["paymentId"]
    assert not PAYEE_HIDES & seen.keys()
    one = await service.ask("GET", f"/payments/{mine['paymentId']}", **vendor)
    assert one.json == seen
    stranger: dict[str, Any] = {"role": "vendor", "claims": {"vendor": str(uuid4())}}
    assert (await service.ask("GET", f"/payments/{mine['paymentId']}", **stranger)).code == "not_found"
    driven = await created(service, payerType="driver_ic", payerId=examples.DRIVER_ID)
    driver: dict[str, Any] = {"role": "driver", "sub": examples.DRIVER_ID}
    (own,) = (await service.ask("GET", "/payments", **driver)).json["payments"]
    assert own["paymentId"] == driven["paymentId"]
    assert not PAYEE_HIDES & own.keys()


async def test_pages_lead_through_a_list_without_a_gap(service: Caller) -> None:
    """Origin 77: pages skipped and repeated rows."""
    made = [(await created(service))["paymentId"] for _ in range(5)]
    walked: list[str] = []
    target = "/payments?limit=2"
    while target:
        page = (await service.ask("GET", target)).json
        walked += [payment["paymentId"] for payment in page["payments"]]
        target = f"/payments?limit=2&cursor={page['nextCursor']}" if page["nextCursor"] else ""
    assert walked == made[::-1]
    pending = (await service.ask("GET", "/payments/pending?limit=2&offset=1")).json
    assert [payment["paymentId"] for payment in pending["payments"]] == made[1:3]
    assert pending["pagination"] | {"nextCursor": None} == {"limit": 2, "offset": 1, "count": 2, "nextCursor": None}
    for target in ("/payments?cursor=AAAA", "/payments?cursor=!", "/payments/pending?cursor=zzzz"):
        assert (await service.ask("GET", target)).faults.keys() == {"cursor"}


async def test_filters_narrow_a_list(service: Caller) -> None:
    """Origin 69: a filter added rows."""
    payment = await created(service, reference="R-1")
    await created(service, reference="R-2", vendorId=str(uuid4()))
    for given, count in (
        ("reference=R-1", 1),
        ("reference=R-3", 0),
        (f"vendorId={payment['vendorId']}", 1),
        (f"incidentId={payment['incidentId']}&status=pending_approval&payerType=back_office", 1),
        ("status=approved", 0),
        ("minAmountCents=12500&maxAmountCents=12500", 2),
        ("minAmountCents=12501", 0),
        ("createdFrom=9998-01-01T00:00:00Z", 0),
        ("createdFrom=1970-01-01T00:00:00Z&createdTo=9998-12-31T23:59:59-14:00", 2),
    ):
        assert len((await service.ask("GET", f"/payments?{given}")).json["payments"]) == count, given


async def test_events_become_payments_once_and_bad_ones_wait_in_quarantine(service: Caller) -> None:
    """Origin 7, 25: bad events were lost, and repeated ones paid twice."""
    good, bad = examples.WORK_COMPLETED, {"id": "e2", "detail": {}}
    answer = await service.ask("POST", "/events", role="service", body=[good, bad, 7])
    assert answer.status == 202
    accepted, rejected, nothing = answer.json["results"]
    assert (accepted["id"], accepted["result"]) == (examples.EVENT_ID, "accepted")
    assert rejected["result"] == nothing["result"] == "rejected"
    assert rejected["errors"]
    again = await service.ask("POST", "/events", role="service", body=good)
    assert again.json["results"] == [{**accepted, "result": "duplicate"}]
    (first, second) = (await service.ask("GET", "/events/quarantine")).json["quarantined"]
    assert {first["raw"], second["raw"]} == {'{"id":"e2","detail":{}}', "7"}
    replayed = await service.ask("POST", f"/events/quarantine/{first['quarantineId']}/replay")
    assert replayed.json["result"] == "rejected"
    assert (await service.ask("POST", f"/events/quarantine/{uuid4()}/replay")).code == "not_found"


async def test_a_crowd_that_asks_for_readiness_shares_one_look(
    service: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    look = check_readiness.check

    async def counted(deps: Deps) -> check_readiness.Readiness:
        looks.append(deps)
        return await look(deps)

    monkeypatch.setattr(check_readiness, "check", counted)
    answers = await asyncio.gather(*(service.ask("GET", "/health/ready", role=None) for _ in range(50)))
    assert {answer.status for answer in answers} == {200}
    assert len(looks) == 1
    await service.ask("GET", "/health/ready", role=None)
    assert len(looks) == 2


async def test_readiness_looks_at_the_database(service: Caller) -> None:
    """Origin 24: readiness called Stripe and opened a pool each time."""
    answer = await service.ask("GET", "/health/ready", role=None)
    assert (answer.status, answer.json["status"]) == (200, "ready")
    service.app.drain()
    answer = await service.ask("GET", "/health/ready", role=None)
    assert (answer.status, answer.code) == (503, "not_ready")
    assert (await service.ask("GET", "/payments")).status == 200


@pytest.mark.parametrize("role", list(Role))
async def test_every_role_gets_an_answer_and_never_a_500(service: Caller, role: Role) -> None:
    claims = {"vendor": examples.VENDOR_ID} if role is Role.VENDOR else {}
    for target in ("/payments", "/payments/pending", f"/payments/{uuid4()}", f"/payments/{uuid4()}/audit-log"):
        assert (await service.ask("GET", target, role=role, claims=claims)).status in {200, 403, 404}
    body = bill()
    answer = await service.ask("POST", "/payments", role=role, claims=claims, body=body)
    assert answer.status == (201 if role in {Role.ADMIN, Role.DISPATCHER, Role.SERVICE} else 403)


async def test_twenty_approvals_at_once_make_one(service: Caller) -> None:
    payment = await created(service)
    codes: list[str] = []

    async def one() -> None:
        answer = await decided(service, payment, "approve")
        codes.append("ok" if answer.status == 200 else answer.code)

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(one)
    assert sorted(codes) == ["already_decided"] * 19 + ["ok"]


async def test_a_retry_of_a_refused_request_is_judged_anew(service: Caller) -> None:
    payment = await created(service)
    headers = {**JSON, "Idempotency-Key": "again"}
    path = f"/payments/{payment['paymentId']}/approve"
    assert (await service.ask("POST", path, body=b"{}", headers=headers)).code == "four_eyes"
    assert (await service.ask("POST", path, sub=APPROVER, body=b"{}", headers=headers)).status == 200
