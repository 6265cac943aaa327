"""What the command line does about flagged payments and approval policies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.entrypoints.command_line import CommandLine
from tests.scenarios.asking import Office, new_payment
from tests.scenarios.commanding import People
from tests.scenarios.serving import Serve
from tests.scenarios.test_gate import SCORED_S_MAX, scored

pytestmark = pytest.mark.of_serve

FIVE_THOUSAND = new_payment(
    amountCents=500_000, lineItems=[{"description": "Tow", "quantity": 1, "unitPriceCents": 500_000}]
)
embedded = pytest.mark.parametrize("serve", ["embedded"], indirect=True)


@pytest.fixture
def people(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, serve: Serve, office: Office) -> People:
    return People(CommandLine(capfd, monkeypatch), serve, office)


@embedded
def test_a_flagged_payment_is_listed_looked_at_and_decided(people: People, office: Office) -> None:
    made = office.creator.post("/payments", FIVE_THOUSAND).json()
    payment = scored(office.reviewer, made["paymentId"], SCORED_S_MAX)
    (case,) = people.json("dispatcher", "fraud", "cases")["cases"]
    assert case["paymentId"] == payment["paymentId"]
    listed = people("dispatcher", "fraud", "cases").out
    assert case["caseId"] in listed
    assert "high_amount, new_vendor" in listed
    (flagged,) = people.json("dispatcher", "payments", "flagged")["payments"]
    assert flagged["paymentId"] == payment["paymentId"]
    assert flagged["paymentId"] in people("admin", "payments", "flagged", "--limit", 1).out
    assert people.json("dispatcher", "fraud", "assign", case["caseId"], "--to", "eve")["assignee"] == "eve"
    assert "eve" in people("dispatcher", "fraud", "cases", "--assignee", "eve").out
    assert people.json("admin", "fraud", "assign", case["caseId"], "--nobody")["assignee"] is None
    for options in ((), ("--to", "eve", "--nobody")):
        refused = people("admin", "fraud", "assign", "x", *options)
        assert (refused.code, "--nobody" in refused.err, "CASE" in refused.err) == (2, True, True)
    mine = ("payments", "list", "--waiting-for-me")
    assert people.json("dispatcher", *mine)["payments"] == []
    shown = people("dispatcher", "fraud", "case", case["caseId"]).out
    assert payment["fraudReasons"][0]["message"] in shown
    assert "up to 10,000.00 (policy 0): approvals" in shown
    assert "2 dispatcher, given 0: 2 open" in shown
    decision = ("fraud", "decide", case["caseId"], "--decision", "cleared", "--reason-code")
    wrong = people("dispatcher", *decision, "because")
    assert (wrong.code, "verified_with_vendor" in wrong.err) == (2, True)
    decided = people("dispatcher", *decision, "verified_photos", "--notes", "seen")
    assert (decided.code, "cleared" in decided.out) == (0, True)
    assert people("dispatcher", *decision, "other").code == 1
    assert [one["paymentId"] for one in people.json("admin", *mine)["payments"]] == [payment["paymentId"]]
    assert payment["paymentId"] in people("admin", *mine).out
    narrowed = people("admin", *mine, "--status", "approved")
    assert (narrowed.code, "--waiting-for-me" in narrowed.err) == (2, True)
    assert people.json("dispatcher", "fraud", "cases")["cases"] == []
    assert people("dispatcher", "fraud", "case", "nonsense").code == 2


@embedded
def test_a_policy_is_tried_proposed_and_activated_by_another_person(
    people: People, office: Office, tmp_path: Path
) -> None:
    office.creator.post("/payments", new_payment())
    file = tmp_path / "policy.json"
    file.write_text(json.dumps({"rules": [{"name": "all", "anyOf": [[{"role": "dispatcher", "quorum": 2}]]}]}))
    tried = people("admin", "policies", "simulate", file, "--last", 10)
    assert "1 of 1 payments would need something else than now." in tried.out
    assert [cell.strip() for cell in tried.out.splitlines()[-1].split("  ")[1:] if cell.strip()] == [
        "up to 1,000.00, 1 to approve",
        "all, 2 to approve",
    ]
    proposed = people.json("admin", "policies", "propose", file, "--notes", "because")
    own = people("admin", "policies", "activate", proposed["policyId"])
    assert (own.code, "four_eyes" in own.err) == (1, True)
    assert people("admin2", "policies", "activate", proposed["policyId"]).code == 0
    assert [line.split()[:2] for line in people("admin", "policies", "list").out.splitlines()[1:]] == [["1", "active"]]
    assert json.loads(people("admin", "policies", "show", proposed["policyId"]).out)["rules"][0]["name"] == "all"
    file.write_text('{"rules": [{"name": "all", "anyOff": []}], "x": 1}')
    refused = people("admin", "policies", "propose", file)
    assert (refused.code, "document.rules[0].anyOff" in refused.err, "document.x" in refused.err) == (2, True, True)
    for content in ("[]", "{"):
        file.write_text(content)
        assert people("admin", "policies", "propose", file).code == 2
    both = people("admin", "policies", "simulate", tmp_path / "nowhere", "--last", 0)
    assert (both.code, "--last" in both.err, "nowhere" in both.err) == (2, True, True)
