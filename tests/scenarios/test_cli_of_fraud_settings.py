"""What the command line tells the scorer: vendors that are listed, and rule sets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.entrypoints.command_line import CommandLine
from tests.scenarios.asking import Office, new_payment
from tests.scenarios.commanding import People
from tests.scenarios.serving import Serve
from tests.scenarios.test_gate import SCORED_S_MAX, scored

pytestmark = [pytest.mark.of_serve, pytest.mark.parametrize("serve", ["embedded"], indirect=True)]

NOBODYS = "0190a1b2-0000-7000-8000-000000000001"


@pytest.fixture
def people(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, serve: Serve, office: Office) -> People:
    return People(CommandLine(capfd, monkeypatch), serve, office)


def judged(office: Office, vendor: str, cents: int = 8_000) -> dict[str, Any]:
    """A payment of the vendor with its score."""
    lines = [{"description": "Tow", "quantity": 1, "unitPriceCents": cents}]
    body = new_payment(vendorId=vendor, amountCents=cents, lineItems=lines)
    made: dict[str, Any] = office.creator.post("/payments", body).json()
    return scored(office.reviewer, made["paymentId"], SCORED_S_MAX)


def codes(payment: dict[str, Any]) -> set[str]:
    return {reason["code"] for reason in payment["fraudReasons"]}


def test_a_vendor_is_blocked_until_that_is_ended(people: People, office: Office) -> None:
    vendor = str(uuid4())
    listed = people("admin", "fraud", "listings", "block", vendor, "--reason-code", "inflated")
    assert (listed.code, "counts" in listed.out, "confirm" in listed.out.partition("\n")[2]) == (0, True, False)
    assert "vendor_blocked" in codes(judged(office, vendor))
    (listing,) = people.json("admin", "fraud", "listings", "list", "--vendor", vendor)["listings"]
    assert people.json("admin", "fraud", "listings", "list", "--vendor", uuid4())["listings"] == []
    ended = people("admin2", "fraud", "listings", "end", listing["listingId"])
    assert (ended.code, "ended" in ended.out) == (0, True)
    assert "vendor_blocked" not in codes(judged(office, vendor))
    assert "There are more: --cursor" not in people("admin", "fraud", "listings", "list").out


def test_trust_counts_when_a_second_person_has_confirmed_it(people: People, office: Office) -> None:
    vendor, other = str(uuid4()), str(uuid4())
    allow = ("--reason-code", "verified_with_vendor", "--for", "90d")
    people("admin", "fraud", "listings", "allow", other, *allow)
    said = people("admin", "fraud", "listings", "allow", vendor, *allow)
    assert "to be confirmed" in said.out
    command = said.out.splitlines()[-1].partition("vendorpay ")[2].split()
    own = people("admin", *command)
    assert (own.code, "It takes somebody else" in own.err) == (1, True)
    assert judged(office, other, 500_000)["fraudStatus"] == "flagged", "nobody else has confirmed that"
    assert "counts" in people("admin2", *command).out
    trusted = judged(office, vendor, 500_000)
    assert ("vendor_allowed" in codes(trusted), trusted["fraudStatus"]) == (True, "high_risk")
    snooze = ("fraud", "listings", "snooze", vendor, "--reason-code", "known_pattern", "--until", "2026-01-01")
    wrong = people("admin", *snooze, "--signal", "unusual_hour")
    assert (wrong.code, "--until must be a time with its zone" in wrong.err) == (2, True)
    unknown = people("admin", *snooze[:-2], "--for", "30d", "--signal", "no_such")
    assert (unknown.code, "unusual_hour" in unknown.err) == (2, True), "it says which there are"


def test_a_listing_that_cannot_be_is_refused_with_all_that_is_wrong(people: People) -> None:
    wrong = people("admin", "fraud", "listings", "allow", "nonsense", "--reason-code", "other")
    assert (wrong.code, "VENDOR must be a UUID" in wrong.err, "--until" in wrong.err) == (2, True, True)
    code = people("admin", "fraud", "listings", "block", uuid4(), "--reason-code", "because")
    assert (code.code, "verified_with_vendor" in code.err) == (2, True)
    assert people("dispatcher", "fraud", "listings", "block", uuid4(), "--reason-code", "other").code == 1
    for verb in ("end", "confirm"):
        assert people("admin", "fraud", "listings", verb, "nonsense").code == 2
        assert people("admin", "fraud", "listings", verb, NOBODYS).code == 1


def test_a_rule_set_is_tried_and_activated_by_another_person(people: People, office: Office, tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    document = {"version": "strict", "thresholds": {"medium": 0.1, "high": 0.2, "flagged": 0.3}}
    file.write_text(json.dumps(document))
    proposed = people.json("admin", "fraud", "rule-sets", "propose", file)
    assert (proposed["version"], proposed["proposedBy"]) == ("strict", people.subs["admin"])
    rule_set = proposed["ruleSetId"]
    assert people("admin", "fraud", "rule-sets", "shadow", rule_set).code == 0
    (listed,) = people.json("admin", "fraud", "rule-sets", "list")["ruleSets"]
    assert listed["mode"] == "shadow"
    assert people("admin", "fraud", "rule-sets", "end-shadow", rule_set).code == 0
    (listed,) = people.json("admin", "fraud", "rule-sets", "list")["ruleSets"]
    assert listed.get("mode") is None
    own = people("admin", "fraud", "rule-sets", "activate", rule_set)
    assert (own.code, "It takes somebody else" in own.err) == (1, True)
    assert "live" in people("admin2", "fraud", "rule-sets", "activate", rule_set).out
    assert "live" in people("admin", "fraud", "rule-sets", "list").out
    assert judged(office, str(uuid4()), 60_000)["fraudStatus"] == "flagged"


def test_a_rule_set_that_cannot_be_is_refused_with_all_that_is_wrong(people: People, tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"version": "x", "signals": {"no_such": {}}, "threshold": 1}))
    wrong = people("admin", "fraud", "rule-sets", "propose", file)
    assert (wrong.code, "signals.no_such" in wrong.err, "threshold" in wrong.err) == (2, True, True)
    missing = people("admin", "fraud", "rule-sets", "propose", tmp_path / "nowhere")
    assert (missing.code, "nowhere" in missing.err) == (2, True)
    file.write_text("{")
    assert people("admin", "fraud", "rule-sets", "propose", file).code == 2
    file.write_text(json.dumps({"version": "1"}))
    taken = people("admin", "fraud", "rule-sets", "propose", file)
    assert (taken.code, "version" in taken.err) == (2, True)
    for verb in ("activate", "shadow", "end-shadow"):
        assert people("admin", "fraud", "rule-sets", verb, "nonsense").code == 2
        assert people("admin", "fraud", "rule-sets", verb, NOBODYS).code == 1
