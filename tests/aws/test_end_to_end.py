"""The whole way on AWS: bus, rule, queue, function, Aurora, outbox, bus and queue; and the API behind its gateway."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.aws.stage.messages import HEARD
from tests.aws.stage.stage import ORG, Stage, stage
from tests.scenarios.asking import TIMEOUT_S, Caller, new_payment
from tests.scenarios.books import assert_whole, rows
from tests.scenarios.example_file import EXPECTED, LINES, expected_amounts, stored_amounts
from vendorpay.entrypoints.aws.functions import APPROVALS

ARRIVE_S_MAX = 90.0
HEARD_S_MAX = 150.0
"""Twice as many events go out as payments were made, and the bus may have been away for a moment on a busy machine."""
COMPLETED = "work-completed"
AHEAD_MAX = 50
"""Whoever publishes is ahead of who receives by so many events and as many again: moto counts all that wait, each time.
"""


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("end_to_end")) as made:
        yield made


def eventually(holds: Callable[[], bool], *, within_s: float = ARRIVE_S_MAX) -> None:
    """Returns once it holds."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.2)


def published(deployed: Stage) -> tuple[list[dict[str, Any]], list[str]]:
    """The lines of the file that can be put on a bus, as events; and the rest, as text for the queue."""
    events, rest = [], []
    for line, expected in zip(LINES, EXPECTED["perLine"], strict=True):
        if expected["result"] == "accepted":
            events.append(json.loads(line))
        else:
            rest.append(line.decode("utf-8", "replace"))
    return events, rest


@pytest.mark.timeout(300)
def test_the_events_of_the_file_become_the_same_payments_and_are_told_to_the_bus(deployed: Stage) -> None:
    """Origin 5, 6, 8: from who publishes completed work to who hears of the payment, nothing is wired past another."""
    books = deployed.books_url()
    events, rest = published(deployed)
    for start in range(0, len(events), AHEAD_MAX):
        deployed.messages.publish(events[start : start + AHEAD_MAX])
        eventually(lambda: deployed.messages.waiting(COMPLETED) < AHEAD_MAX)
    eventually(lambda: deployed.messages.waiting(COMPLETED) == 0)
    eventually(lambda: len(stored_amounts(books, ORG)) == len(events))
    deployed.messages.send(COMPLETED, rest)
    eventually(lambda: deployed.messages.waiting(COMPLETED) == 0)
    assert stored_amounts(books, ORG) == expected_amounts()
    quarantined = rows(books, "SELECT sum(times_seen) AS n FROM quarantine WHERE org_id = %(org)s", org=ORG)
    assert quarantined[0]["n"] == EXPECTED["rejected"]

    listener = deployed.listener
    try:
        eventually(lambda: len(listener.heard) == len(events), within_s=HEARD_S_MAX)
    except AssertionError as late:
        on_its_way = rows(books, "SELECT subscription_id, state, count(*) AS n FROM deliveries GROUP BY 1, 2", org=ORG)
        late.add_note(f"heard {len(listener.heard)}, {deployed.messages.waiting(HEARD)} in the queue, {on_its_way}")
        raise
    assert sum(listener.amounts_cents.values()) == EXPECTED["acceptedAmountCents"]
    eventually(lambda: deployed.messages.waiting(APPROVALS) == 0)  # origin 15: a queue that nobody read from
    assert_whole(books)


def test_people_of_the_pool_create_and_approve_and_what_they_did_is_in_the_feed(deployed: Stage) -> None:
    org = "org-of-the-people"
    with httpx.Client(base_url=deployed.url, trust_env=False, timeout=TIMEOUT_S) as client:
        creator, reviewer, auditor = (
            Caller(client, deployed.people.signed_in(role, org=org), role)
            for role in ("dispatcher", "dispatcher", "auditor")
        )
        made = creator.post("/payments", new_payment(), Idempotency_Key="one")
        assert made.status_code == 201, made.text
        again = creator.post("/payments", json.loads(made.request.content), Idempotency_Key="one")
        assert (again.status_code, again.json()["paymentId"]) == (201, made.json()["paymentId"])
        path = f"/payments/{made.json()['paymentId']}"
        assert creator.post(f"{path}/approve").json()["code"] == "four_eyes"

        def approved() -> bool:
            answer = reviewer.post(f"{path}/approve")
            assert answer.status_code == 200 or answer.json()["code"] == "score_pending", answer.text
            return answer.status_code == 200

        eventually(approved)
        assert reviewer.get(path).json()["status"] == "approved"

        def in_the_feed() -> bool:
            told = auditor.get("/events?after=0&limit=50").json()["events"]
            return {"PaymentCreated", "PaymentApproved"} <= {event["detail-type"] for event in told}

        eventually(in_the_feed)
        assert client.get(path).status_code == 401
        assert client.get("/health/ready").status_code == 200


def test_a_message_that_comes_twice_makes_one_payment(deployed: Stage, tmp_path: Path) -> None:
    event = json.loads(LINES[0]) | {"id": "redelivered-1"}
    event["detail"] |= {"incidentId": "0197a7a5-0000-7000-8000-00000000dddd"}
    before = len(stored_amounts(deployed.books_url(), ORG))
    deployed.messages.send(COMPLETED, [json.dumps(event)] * 3)
    eventually(lambda: deployed.messages.waiting(COMPLETED) == 0)
    assert len(stored_amounts(deployed.books_url(), ORG)) == before + 1


def test_functions_that_are_killed_at_work_lose_nothing_and_double_nothing(deployed: Stage) -> None:
    """kill -9 of the handler and of the pump while events go through them."""
    books, number = deployed.books_url(), 60
    before = len(stored_amounts(books, ORG))
    events = []
    for n in range(number):
        event = json.loads(LINES[0])
        event["detail"] |= {"incidentId": f"0197a7a5-0000-7000-8000-{n:012x}"}
        events.append(event)
    deployed.messages.publish(events)
    for _ in range(3):
        time.sleep(0.4)
        deployed.functions.kill_all("work-completed-handler")
        deployed.functions.kill_all("pump")
    eventually(lambda: len(stored_amounts(books, ORG)) == before + number)
    eventually(lambda: deployed.messages.waiting(COMPLETED) == 0)
    assert_whole(books)


def test_what_needs_nobody_is_approved_by_a_wake_up_and_else_by_the_clock(deployed: Stage) -> None:
    """origin 15: the queue for approvals is a wake-up for the database's, and no queue of its own."""
    org, timer = "org-without-people", "approve_automatically"
    small = {"name": "small", "effect": "auto_approve", "when": {"currencies": ["USD"], "maxAmountCents": 100_000}}
    others = {"name": "others", "anyOf": [[{"role": "admin", "quorum": 1}]]}
    with httpx.Client(base_url=deployed.url, trust_env=False, timeout=TIMEOUT_S) as client:
        proposer, second, creator = (
            Caller(client, deployed.people.signed_in(role, org=org), role) for role in ("admin", "admin", "dispatcher")
        )
        proposed = proposer.post("/policies", {"document": {"rules": [small, others]}})
        assert proposed.status_code == 201, proposed.text
        assert second.post(f"/policies/{proposed.json()['policyId']}/activate").status_code == 200

        def approved(path: str) -> bool:
            found = creator.get(path).json()
            return bool(found["status"] == "approved" and found["approvedBy"] == "system:policy")

        deployed.resting.add(timer)  # nobody but who was woken can do it
        path = f"/payments/{creator.post('/payments', new_payment()).json()['paymentId']}"
        eventually(lambda: approved(path))
        eventually(lambda: deployed.messages.waiting(APPROVALS) == 0)

        deployed.resting.add(APPROVALS)  # what comes now is lost
        path = f"/payments/{creator.post('/payments', new_payment()).json()['paymentId']}"
        eventually(lambda: creator.get(path).json()["fraudStatus"] is not None)
        eventually(lambda: deployed.messages.waiting(APPROVALS) >= 2)
        assert len(list(deployed.messages.drain(APPROVALS))) >= 2
        assert not approved(path)
        deployed.resting.discard(timer)
        eventually(lambda: approved(path))
        deployed.resting.discard(APPROVALS)
    assert_whole(deployed.books_url())
