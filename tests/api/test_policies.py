"""Approval policies and delegations over HTTP: proposed, tried, activated by another, and obeyed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.api.asking import Answered, Caller
from tests.usecases.world import Row
from vendorpay.api import examples, policy_examples
from vendorpay.domain.roles import Role

pytestmark = pytest.mark.anyio

ONE, OTHER = "admin-1", "admin-2"
POLICIES, DELEGATIONS = "/policies", "/delegations"
DENIES = {"rules": [{"name": "nothing today", "effect": "deny"}]}


async def proposed(service: Caller, document: dict[str, Any] = DENIES) -> Row:
    answer = await service.ask("POST", POLICIES, sub=ONE, body={"document": document})
    assert answer.status == 201, answer.body
    found: Row = answer.json
    return found


async def activate(service: Caller, policy_id: str, *, sub: str = OTHER) -> Answered:
    return await service.ask("POST", f"{POLICIES}/{policy_id}/activate", sub=sub)


async def a_payment(service: Caller) -> Row:
    body = {**examples.NEW_PAYMENT, "incidentId": str(uuid4())}
    answer = await service.ask("POST", "/payments", role="dispatcher", body=body)
    assert answer.status == 201, answer.body
    found: Row = answer.json
    return found


async def delegated(service: Caller, to: str, *, sub: str = ONE) -> Answered:
    ends_at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    return await service.ask("POST", DELEGATIONS, sub=sub, body={"delegateId": to, "endsAt": ends_at})


async def test_the_examples_of_the_document_work(service: Caller) -> None:
    made = await service.ask("POST", POLICIES, sub=ONE, body=policy_examples.PROPOSAL)
    assert made.status == 201, made.body
    assert {*made.json} == {*policy_examples.PROPOSED}
    assert (made.json["version"], made.json["status"]) == (1, "proposed")
    path = f"{POLICIES}/{made.json['policyId']}"
    active = await service.ask("POST", f"{path}/activate", sub=OTHER, body=policy_examples.AGREEMENT)
    assert (active.status, active.json["status"], active.json["activatedBy"]) == (200, "active", OTHER)
    assert (await service.ask("GET", path)).json == active.json
    page = (await service.ask("GET", f"{POLICIES}?limit=20")).json
    assert (page["active"], page["policies"], page["nextCursor"]) == (active.json, [active.json], None)
    tried = await service.ask("POST", f"{POLICIES}/simulate", body=policy_examples.SIMULATION)
    assert {*tried.json} == {*policy_examples.SIMULATED}


async def test_where_nothing_was_activated_the_default_applies(service: Caller) -> None:
    active = (await service.ask("GET", POLICIES)).json["active"]
    assert (active["version"], active["policyId"]) == (0, None)
    assert [rule["name"] for rule in active["document"]["rules"]][:2] == ["up to 1,000.00", "up to 10,000.00"]
    payment = await a_payment(service)
    assert (payment["policy"]["version"], payment["policy"]["rule"], payment["policy"]["open"]) == (
        0,
        "up to 1,000.00",
        1,
    )


async def test_every_fault_of_a_document_is_named(service: Caller) -> None:
    document: Row = {
        "rules": [{"name": "a", "when": {"minAmountCents": 5}}, {"name": "a", "anyOf": [[{"role": "boss"}]]}]
    }
    for path in (POLICIES, f"{POLICIES}/simulate"):
        answer = await service.ask("POST", path, body={"document": document})
        assert {*answer.faults} == {
            "document.rules[0].when.currencies",
            "document.rules[0].anyOf",
            "document.rules[1].anyOf[0][0].role",
        }
        document["rules"][1]["anyOf"] = []
        answer = await service.ask("POST", path, body={"document": document})
        assert {*answer.faults} == {
            "document.rules[0].when.currencies",
            "document.rules[0].anyOf",
            "document.rules[1].name",
            "document.rules[1].anyOf",
        }
        document["rules"][1]["anyOf"] = [[{"role": "boss"}]]


async def test_the_proposer_does_not_activate_and_nobody_activates_what_is_not_there(service: Caller) -> None:
    """Origin 52: rules that one person can change alone are no rules."""
    made = await proposed(service)
    refused = await activate(service, made["policyId"], sub=ONE)
    assert (refused.status, refused.code) == (403, "four_eyes")
    nothing = await activate(service, str(uuid4()))
    assert (nothing.status, nothing.code) == (404, "not_found")
    assert (await service.ask("GET", f"{POLICIES}/{uuid4()}")).code == "not_found"


async def test_a_rule_that_denies_is_a_documented_refusal(service: Caller) -> None:
    await activate(service, (await proposed(service))["policyId"])
    payment = await a_payment(service)
    refused = await service.ask("POST", f"/payments/{payment['paymentId']}/approve", sub=OTHER)
    assert (refused.status, refused.code) == (403, "policy_denied")


async def test_a_simulation_shows_who_would_need_something_else(service: Caller) -> None:
    payment = await a_payment(service)
    tried = await service.ask("POST", f"{POLICIES}/simulate", role="auditor", body={"document": DENIES})
    assert (tried.json["activeVersion"], tried.json["payments"], tried.json["changed"]) == (0, 1, 1)
    (difference,) = tried.json["differences"]
    assert difference["paymentId"] == payment["paymentId"]
    assert (difference["now"]["effect"], difference["then"]["effect"]) == ("approvals", "deny")
    assert tried.json["rules"] == [{"rule": "nothing today", "payments": 1}]


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.ADMIN, Role.AUDITOR)])
async def test_policies_are_for_admins_and_auditors(service: Caller, role: Role) -> None:
    for method, path in (("GET", POLICIES), ("POST", POLICIES), ("POST", f"{POLICIES}/simulate")):
        answer = await service.ask(method, path, role=role.value)
        assert (answer.status, answer.code) == (403, "forbidden")


async def test_whoever_is_away_has_somebody_approve_in_their_name(service: Caller) -> None:
    payment = await a_payment(service)
    path = f"/payments/{payment['paymentId']}/approve"
    refused = await service.ask("POST", path, role="dispatcher", sub="delegate", body={"onBehalfOf": ONE})
    assert (refused.status, refused.code) == (403, "forbidden")
    given = await delegated(service, "delegate")
    assert (given.status, given.json["delegatorRole"]) == (201, "admin")
    approved = await service.ask("POST", path, role="dispatcher", sub="delegate", body={"onBehalfOf": ONE})
    assert approved.status == 200, approved.body
    (approval,) = approved.json["approvals"]
    assert (approval["approverId"], approval["onBehalfOf"], approval["role"]) == ("delegate", ONE, "admin")


async def test_a_delegation_is_ended_by_its_giver(service: Caller) -> None:
    given = (await delegated(service, "delegate")).json
    path = f"{DELEGATIONS}/{given['delegationId']}/end"
    assert (await service.ask("POST", path, role="dispatcher", sub="delegate")).code == "forbidden"
    ended = await service.ask("POST", path, sub=ONE)
    assert (ended.status, ended.json["endedBy"]) == (200, ONE)
    page = await service.ask("GET", f"{DELEGATIONS}?limit=1", role="auditor")
    assert page.json == {"delegations": [ended.json], "nextCursor": None}
    assert (await service.ask("POST", f"{DELEGATIONS}/{uuid4()}/end")).code == "not_found"


async def test_a_delegation_to_oneself_or_into_the_past_is_refused(service: Caller) -> None:
    answer = await service.ask("POST", DELEGATIONS, sub=ONE, body={"delegateId": ONE, "endsAt": "2020-01-01T00:00:00Z"})
    assert (answer.status, {*answer.faults}) == (400, {"delegateId", "endsAt"})


async def test_what_waits_for_me_is_a_queue_of_its_own(service: Caller) -> None:
    made = await a_payment(service)
    queue = "/payments/pending?waitingFor=me&limit=20"
    found = (await service.ask("GET", queue, sub=OTHER)).json
    assert ([one["paymentId"] for one in found["payments"]], found["pagination"]) == (
        [made["paymentId"]],
        {"limit": 20, "offset": 0, "count": 1, "nextCursor": None},
    )
    assert (await service.ask("GET", queue, role="auditor")).json["payments"] == []
    assert (await service.ask("GET", queue, role="dispatcher")).json["payments"] == [], "they made it"
    for wrong, field in (("waitingFor=you", "waitingFor"), ("waitingFor=me&offset=1", "offset")):
        refused = await service.ask("GET", f"/payments/pending?{wrong}", sub=OTHER)
        assert (refused.status, [*refused.faults]) == (400, [field])


async def test_what_types_refuse_and_what_they_cannot_tell_is_named_together(service: Caller) -> None:
    """Every fault at once: of the whole document, also of the rules beside the broken one."""
    broken = {"name": "named", "when": {"minAmountCents": 5}, "anyOf": [[{"people": ["ann\u0000"]}, {"quorum": 0}]]}
    beside = {"name": "beside", "when": {"minAmountCents": 5, "currencies": ["XXY"]}}
    limit = {"per": "approver", "period": "day", "currency": "XXY", "maxAmountCents": 1}
    rules = [broken, beside, {"name": "beside", "effect": "deny"}]
    document = {"rules": rules, "limits": [limit, {**limit, "period": "year"}], "comment": ""}
    for path, more in ((POLICIES, {}), (f"{POLICIES}/simulate", {"last": 0})):
        answer = await service.ask("POST", path, body={"document": document, **more})
        assert answer.code == "invalid_request"
        assert answer.faults.keys() - more == {
            "document.comment",
            "document.rules[0].anyOf[0][0].people[0]",
            "document.rules[0].anyOf[0][1].quorum",
            "document.rules[1].when.currencies[0]",
            "document.rules[1].anyOf",
            "document.rules[2].name",
            "document.limits[0].currency",
            "document.limits[1].period",
        }


async def test_an_earlier_policy_comes_back_by_a_proposal_and_a_second_person(service: Caller) -> None:
    """The default one, too; never by one person's hand alone."""
    first = await proposed(service)
    assert (await activate(service, first["policyId"])).status == 200
    back = await service.ask("POST", POLICIES, sub=OTHER, body={"again": "default"})
    assert (back.status, back.json["version"], back.json["status"]) == (201, 2, "proposed")
    assert (await activate(service, back.json["policyId"])).code == "four_eyes"
    assert (await activate(service, back.json["policyId"], sub=ONE)).json["status"] == "active"
    assert (await a_payment(service))["policy"]["rule"] == "up to 1,000.00"
    assert (await activate(service, first["policyId"])).code == "policy_lapsed"
    again = await service.ask("POST", POLICIES, sub=ONE, body={"again": first["policyId"]})
    assert again.json["document"] == first["document"]


async def test_a_proposal_is_a_document_or_says_whose(service: Caller) -> None:
    for body in ({}, {"document": DENIES, "again": "default"}):
        assert (await service.ask("POST", POLICIES, sub=ONE, body=body)).faults.keys() == {"document"}
    assert (await service.ask("POST", POLICIES, sub=ONE, body={"again": "the last"})).faults.keys() == {"again"}
    assert (await service.ask("POST", POLICIES, sub=ONE, body={"again": str(uuid4())})).code == "not_found"
