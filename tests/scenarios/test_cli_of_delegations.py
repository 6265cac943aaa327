"""What the command line does when somebody is away: another approves in their name."""

from __future__ import annotations

import pytest

from tests.entrypoints.command_line import CommandLine
from tests.scenarios.asking import Office, new_payment
from tests.scenarios.commanding import People
from tests.scenarios.serving import Serve
from tests.scenarios.test_gate import SCORED_S_MAX, scored

pytestmark = [pytest.mark.of_serve, pytest.mark.parametrize("serve", ["embedded"], indirect=True)]


@pytest.fixture
def people(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, serve: Serve, office: Office) -> People:
    return People(CommandLine(capfd, monkeypatch), serve, office)


def test_a_dispatcher_approves_in_the_name_of_an_admin_until_that_is_ended(people: People, office: Office) -> None:
    admin, deputy = people.subs["admin"], people.subs["dispatcher"]
    given = people.json("admin", "delegations", "give", deputy, "--for", "12h")
    assert (given["delegatorId"], given["delegatorRole"], given["delegateId"]) == (admin, "admin", deputy)
    first, second = (office.creator.post("/payments", new_payment()).json()["paymentId"] for _ in range(2))
    for each in (first, second):
        scored(office.reviewer, each, SCORED_S_MAX)
    (done,) = people.json("dispatcher", "payments", "approve", first, "--on-behalf-of", admin)["results"]
    assert done["status"] == "approved"
    (approval,) = office.reviewer.get(f"/payments/{first}").json()["approvals"]
    assert (approval["approverId"], approval["onBehalfOf"], approval["role"]) == (deputy, admin, "admin")
    assert "open" in people("dispatcher", "delegations", "list").out
    (listed,) = people.json("dispatcher2", "delegations", "list")["delegations"]
    assert listed["delegationId"] == given["delegationId"]
    others = people("dispatcher2", "delegations", "end", given["delegationId"])
    assert (others.code, "or an admin" in others.err) == (1, True)
    assert f"ended by {people.subs['admin2']}" in people("admin2", "delegations", "end", given["delegationId"]).out
    late = people("dispatcher", "payments", "approve", second, "--on-behalf-of", admin)
    assert (late.code, "no delegation" in " ".join(late.out.split())) == (1, True)


def test_a_delegation_that_cannot_be_is_refused_with_all_that_is_wrong(people: People) -> None:
    give = ("delegations", "give", people.subs["dispatcher"])
    endless = people("admin", *give, "--from", "tomorrow")
    assert (endless.code, "--until" in endless.err, "--from" in endless.err) == (2, True, True)
    both = people("admin", *give, "--until", "2026-01-01T00:00:00Z", "--for", "7d")
    assert (both.code, "not both" in both.err) == (2, True)
    for period in ("0d", "7", "-7d", "4000d", "1y"):
        assert "--for must be like" in people("admin", *give, "--for", period).err
    long = people("admin", *give, "--for", "91d")
    assert (long.code, "90 days" in long.err) == (2, True)
    late = people("admin", *give, "--from", "9999-12-31T00:00:00Z", "--for", "7d")
    assert (late.code, "calendar" in late.err) == (2, True)
    own = people("dispatcher", *give, "--for", "7d")
    assert (own.code, "is you" in own.err) == (2, True)
    ending = people("admin", "delegations", "end", "nonsense")
    assert (ending.code, "DELEGATION must be a UUID" in ending.err) == (2, True)
    assert people("admin", "delegations", "end", "0190a1b2-0000-7000-8000-000000000001").code == 1
    assert people("admin", "delegations", "list", "--cursor", "nonsense").code == 2


def test_a_list_of_more_than_a_page_is_read_on_by_its_cursor(people: People) -> None:
    given = [
        people.json("admin", "delegations", "give", people.subs[each], "--for", "1h")["delegationId"]
        for each in ("dispatcher", "dispatcher2")
    ]
    page = people("dispatcher", "delegations", "list", "--limit", "1").out
    assert given[1] in page
    _, more, cursor = page.strip().rpartition("There are more: --cursor ")
    assert more
    rest = people("dispatcher", "delegations", "list", "--limit", "1", "--cursor", cursor).out
    assert (given[0] in rest, given[1] in rest, "There are more" in rest) == (True, False, False)
