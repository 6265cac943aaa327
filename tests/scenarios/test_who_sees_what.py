"""401, 403 and 404 over HTTP, and what vendors and drivers see."""

import base64
import json
from collections.abc import Callable
from uuid import uuid4

import httpx
import pytest

from tests.scenarios.asking import Caller, Office, new_payment, once_scored
from tests.scenarios.serving import Serve

NOBODYS = "0190a1b2-0000-7000-8000-000000000001"
HIDDEN = ("fraudScore", "fraudStatus", "fraudReasons", "metadata", "holds")


def test_a_vendor_sees_its_own_payments_and_nothing_of_the_office(office: Office) -> None:
    vendor_id = str(uuid4())
    own = office.creator.post("/payments", new_payment(vendorId=vendor_id, metadata={"inside": "only"})).json()
    other = office.creator.post("/payments", new_payment()).json()
    approve = f"/payments/{own['paymentId']}/approve"
    once_scored(lambda: office.reviewer.post(approve, {"notes": "for the office alone"}))
    vendor = office.caller("vendor", vendor=vendor_id)

    seen = vendor.get(f"/payments/{own['paymentId']}")
    assert (seen.status_code, seen.json()["status"]) == (200, "approved")
    assert not set(HIDDEN) & set(seen.json())
    assert "for the office alone" not in seen.text
    assert office.reviewer.sub not in seen.text
    assert vendor.get(f"/payments/{other['paymentId']}").status_code == 404
    for path in ("/payments", f"/vendors/{vendor_id}/payments"):
        assert [each["paymentId"] for each in vendor.get(path).json()["payments"]] == [own["paymentId"]]
    assert vendor.get(f"/vendors/{other['vendorId']}/payments").json()["payments"] == []
    assert vendor.get(f"/incidents/{other['incidentId']}/payment").status_code == 404


def test_a_driver_sees_what_they_pay_and_nobody_approves_it_for_them(office: Office) -> None:
    sub = str(uuid4())
    own = office.creator.post("/payments", new_payment(payerType="driver_ic", payerId=sub)).json()
    other = office.creator.post("/payments", new_payment(payerType="driver_ic", payerId=str(uuid4()))).json()
    driver = office.caller("driver", sub=sub)
    assert driver.get(f"/payments/{own['paymentId']}").json()["amountCents"] == 15000
    assert driver.get(f"/payments/{other['paymentId']}").status_code == 404
    assert [each["paymentId"] for each in driver.get("/payments").json()["payments"]] == [own["paymentId"]]
    assert office.reviewer.get("/payments/pending").json()["payments"] == []
    approved = office.reviewer.post(f"/payments/{own['paymentId']}/approve")
    assert (approved.status_code, approved.json()["code"]) == (409, "invalid_transition")


def test_another_organisation_is_not_there(serve: Serve, client: httpx.Client, office: Office) -> None:
    payment = office.creator.post("/payments", new_payment()).json()
    stranger = Office(serve, client)
    for path in (f"/payments/{payment['paymentId']}", f"/incidents/{payment['incidentId']}/payment"):
        assert stranger.admin.get(path).status_code == 404
    refused = stranger.reviewer.post(f"/payments/{payment['paymentId']}/approve")
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert stranger.auditor.get(f"/payments/{payment['paymentId']}/audit-log").status_code == 404
    assert stranger.admin.get("/payments").json()["payments"] == []


@pytest.mark.parametrize(
    ("role", "method", "path"),
    [
        ("auditor", "POST", "/payments"),
        ("service", "POST", f"/payments/{NOBODYS}/approve"),
        ("dispatcher", "POST", f"/payments/{NOBODYS}/cancel"),
        ("dispatcher", "POST", "/events"),
        ("vendor", "GET", "/payments/pending"),
        ("driver", "GET", f"/payments/{NOBODYS}/audit-log"),
    ],
)
def test_a_known_caller_without_the_permission_is_403(office: Office, role: str, method: str, path: str) -> None:
    caller = office.caller(role, vendor=str(uuid4()) if role == "vendor" else None)
    refused = caller.ask(method, path, b"{not even json" if method == "POST" else None)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert refused.headers["Content-Type"].startswith("application/problem+json")


def _with(claim: str, value: object) -> Callable[[str], str]:
    def forge(token: str) -> str:
        header, payload, signature = token.split(".")
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        changed = base64.urlsafe_b64encode(json.dumps({**claims, claim: value}).encode()).rstrip(b"=").decode()
        return f"{header}.{changed}.{signature}"

    return forge


def _unsigned(token: str) -> str:
    header = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    return f"{header}.{token.split('.')[1]}."


@pytest.mark.parametrize(
    "forge",
    [
        lambda token: token[:-4] + "AAAA",
        _with("custom:role", "admin"),
        _unsigned,
        lambda _: "nonsense",
        lambda _: "a.b.c",
    ],
    ids=["another signature", "another role", "alg none", "no token", "three letters"],
)
def test_a_token_that_the_issuer_did_not_sign_is_401(office: Office, forge: Callable[[str], str]) -> None:
    forged = Caller(office.creator.client, forge(office.creator.token), office.creator.sub)
    refused = forged.get("/payments")
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")


def test_no_token_and_an_expired_one_are_401(serve: Serve, client: httpx.Client) -> None:
    expired = serve.token("admin", ttl_s=-3600)
    for headers in ({}, {"Authorization": f"Bearer {expired}"}, {"Authorization": "Basic YTpi"}):
        refused = client.get("/payments", headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
