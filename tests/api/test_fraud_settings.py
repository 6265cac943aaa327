"""What people tell the scorer over HTTP: vendors that are listed, and rule sets; and that it heeds them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.api.asking import Answered, Caller

pytestmark = pytest.mark.anyio

VENDOR = str(uuid4())
SECOND = str(uuid4())


def in_days(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


def listing(kind: str, **fields: Any) -> dict[str, Any]:
    return {"vendorId": VENDOR, "kind": kind, "reasonCode": "known_pattern", **fields}


async def test_a_vendor_is_listed_for_a_time_and_the_listing_can_be_ended(service: Caller) -> None:
    created = await service.ask("POST", "/fraud/listings", body=listing("allow", expiresAt=in_days(30)))
    assert created.status == 201
    confirm = f"/fraud/listings/{created.json['listingId']}/confirm"
    assert (await service.ask("POST", confirm)).code == "four_eyes", "nobody trusts a vendor alone"
    confirmed = await service.ask("POST", confirm, sub=SECOND)
    assert (confirmed.status, confirmed.json["confirmedBy"]) == (200, SECOND)
    assert (await service.ask("POST", confirm, sub=str(uuid4()))).json == confirmed.json, "once"
    assert (await service.ask("POST", confirm, sub=SECOND, role="dispatcher")).code == "forbidden"
    place = f"/fraud/listings/{created.json['listingId']}/end"
    ended = (await service.ask("POST", place, sub=SECOND)).json
    assert ended["endedBy"] == SECOND
    assert (await service.ask("POST", place)).json["endedBy"] == SECOND, "once"
    assert (await service.ask("POST", confirm, sub=SECOND)).code == "already_decided"
    await service.ask("POST", "/fraud/listings", body={**listing("block"), "vendorId": str(uuid4())})
    page = (await service.ask("GET", "/fraud/listings?limit=1", role="auditor")).json
    rest = (await service.ask("GET", f"/fraud/listings?cursor={page['nextCursor']}")).json
    assert [one["kind"] for one in page["listings"] + rest["listings"]] == ["allow", "block"]
    of_vendor = (await service.ask("GET", f"/fraud/listings?vendorId={VENDOR}")).json["listings"]
    assert [one["kind"] for one in of_vendor] == ["allow"]
    other = await service.ask("POST", place, claims={"org": "elsewhere"})
    assert other.code == "not_found"


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        (listing("allow"), {"expiresAt"}),
        (listing("snooze", expiresAt=in_days(1)), {"signal"}),
        (listing("snooze", signal="moods", expiresAt=in_days(1)), {"signal"}),
        (listing("block", signal="high_amount"), {"signal"}),
        (listing("allow", expiresAt=in_days(-1)), {"expiresAt"}),
        (listing("allow", expiresAt=in_days(400)), {"expiresAt"}),
        ({"kind": "trust", "signal": "moods"}, {"vendorId", "kind", "reasonCode", "signal"}),
    ],
)
async def test_every_fault_of_a_listing_is_named(service: Caller, body: dict[str, Any], faults: set[str]) -> None:
    assert (await service.ask("POST", "/fraud/listings", body=body)).faults.keys() == faults


async def test_a_rule_set_is_tried_by_who_brought_it_and_put_in_force_by_another(service: Caller) -> None:
    body = {"version": "2026-03", "thresholds": {"medium": 0.2, "high": 0.4, "flagged": 0.6}}
    brought = await service.ask("POST", "/fraud/rule-sets", body=body)
    assert brought.status == 201, brought.body
    assert brought.json["document"]["thresholds"]["flagged"] == 0.6
    assert (await service.ask("POST", "/fraud/rule-sets", body=body)).faults.keys() == {"version"}
    assert (await service.ask("POST", "/fraud/rule-sets", body={"version": "1"})).faults.keys() == {"version"}
    place = f"/fraud/rule-sets/{brought.json['ruleSetId']}/use"
    assert (await service.ask("POST", place, body={"mode": "shadow"})).json["mode"] == "shadow"
    assert (await service.ask("POST", place, body={"mode": "live"})).code == "four_eyes"
    assert (await service.ask("POST", place, sub=SECOND, body={"mode": "live"})).json["mode"] == "live"
    (shown,) = (await service.ask("GET", "/fraud/rule-sets", role="auditor")).json["ruleSets"]
    assert (shown["version"], shown["mode"]) == ("2026-03", "live")
    assert (await service.ask("POST", place, body={"mode": "now"})).faults.keys() == {"mode"}
    end = f"/fraud/rule-sets/{brought.json['ruleSetId']}/end-shadow"
    assert (await service.ask("POST", end)).json["mode"] == "live", "it goes on deciding"
    missing = f"/fraud/rule-sets/{uuid4()}/use"
    assert (await service.ask("POST", missing, body={"mode": "shadow"})).code == "not_found"
    wrong = {"version": "x y", "signals": {"moods": {"weight": 2}}}
    assert len((await service.ask("POST", "/fraud/rule-sets", body=wrong)).faults) >= 2


async def test_a_rule_set_that_another_followed_is_proposed_again(service: Caller) -> None:
    """Origin 52: nobody alone goes to and fro between rule sets to which others agreed long ago."""
    lax, strict = [await service.ask("POST", "/fraud/rule-sets", body={"version": name}) for name in ("lax", "strict")]

    async def use(rule_set: Answered, mode: str) -> Answered:
        place = f"/fraud/rule-sets/{rule_set.json['ruleSetId']}/use"
        return await service.ask("POST", place, sub=SECOND, body={"mode": mode})

    for rule_set in (lax, lax, strict):
        assert (await use(rule_set, "live")).json["mode"] == "live"
    assert (await use(lax, "live")).code == "rule_set_replaced"
    assert (await use(lax, "shadow")).json["mode"] == "shadow", "it can be tried, and that is all"
    again = await service.ask("POST", "/fraud/rule-sets", body={**lax.json["document"], "version": "lax-again"})
    assert (await use(again, "live")).json["mode"] == "live"
    shown = (await service.ask("GET", "/fraud/rule-sets")).json["ruleSets"]
    assert [(one["version"], one["mode"]) for one in shown] == [
        ("lax-again", "live"),
        ("strict", None),
        ("lax", "shadow"),
    ]


async def test_whoever_ends_a_listing_first_has_ended_it_for_everybody(service: Caller) -> None:
    created = await service.ask("POST", "/fraud/listings", body=listing("block"))
    place = f"/fraud/listings/{created.json['listingId']}/end"
    ended = await asyncio.gather(*(service.ask("POST", place, sub=str(uuid4())) for _ in range(5)))
    (stored,) = (await service.ask("GET", "/fraud/listings")).json["listings"]
    assert [answer.json for answer in ended] == [stored] * 5


async def test_each_wrong_figure_of_a_rule_set_is_named(service: Caller) -> None:
    signals = {"high_amount": {"weight": 2}, "new_vendor": {"parameters": {"x": -1}}}
    answer = await service.ask("POST", "/fraud/rule-sets", body={"version": "2", "signals": signals})
    assert answer.faults.keys() == {"signals.high_amount.weight", "signals.new_vendor.parameters.x"}
    prior = {"currency": "USD", "medianCents": 1, "highCents": 2}
    body = {"version": "2", "priors": [prior, {**prior, "serviceType": "tow\u0000"}]}
    answer = await service.ask("POST", "/fraud/rule-sets", body=body)
    assert answer.faults.keys() == {"priors[1].serviceType"}


async def test_a_trial_ends_and_any_rule_set_can_be_used_however_old(service: Caller) -> None:
    """Also one that is on no first page."""
    oldest, *_ = [await service.ask("POST", "/fraud/rule-sets", body={"version": f"v{n}"}) for n in range(3)]
    page = (await service.ask("GET", "/fraud/rule-sets?limit=2")).json
    assert [one["version"] for one in page["ruleSets"]] == ["v2", "v1"]
    rest = (await service.ask("GET", f"/fraud/rule-sets?cursor={page['nextCursor']}")).json
    assert ([one["version"] for one in rest["ruleSets"]], rest["nextCursor"]) == (["v0"], None)
    place = f"/fraud/rule-sets/{oldest.json['ruleSetId']}"
    assert (await service.ask("POST", f"{place}/use", body={"mode": "shadow"})).json["mode"] == "shadow"
    for _ in range(2):
        assert (await service.ask("POST", f"{place}/end-shadow", sub=SECOND)).json["mode"] is None
    assert (await service.ask("POST", f"/fraud/rule-sets/{uuid4()}/end-shadow")).code == "not_found"
    shown = (await service.ask("GET", "/fraud/rule-sets")).json["ruleSets"]
    assert {one["mode"] for one in shown} == {None}
