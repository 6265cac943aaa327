"""The gate on the running service: flagged within seconds, and scored after every kill -9 between birth and score."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.faults.dying import rounds, seed_of
from tests.scenarios.asking import Office, client_of, work_completed
from tests.scenarios.books import assert_whole
from tests.scenarios.serving import Serve, vendorpay

BOUND_S = 5.0
"""Within which a payment has its score, as is promised. Others on the machine may delay some, and not every one."""
TRIES = 12
SCORED_S_MAX = 60.0
"""Within which it has it after a kill too, whatever else the machine does."""
EACH = 40


def unscored(serve: Serve) -> int:
    with psycopg.connect(serve.books_url()) as connection:
        row = connection.execute("SELECT count(*) FROM payments WHERE fraud_gate = 'score_pending'").fetchone()
    assert row
    return int(row[0])


def eventually_scored(serve: Serve) -> None:
    deadline = time.monotonic() + SCORED_S_MAX
    while left := unscored(serve):
        assert time.monotonic() < deadline, f"{left} payments have no score after {SCORED_S_MAX} s"
        time.sleep(0.05)


def publish(office: Office, count: int, **detail: Any) -> list[str]:
    events = [work_completed(**detail) for _ in range(count)]
    answer = office.publisher.post("/events", events)
    assert answer.status_code == 202, answer.text
    return [result["paymentId"] for result in answer.json()["results"]]


@pytest.mark.timeout(600)
def test_the_gate_holds_on_the_running_service_and_outlives_kills(
    tmp_path: Path, new_data_dir: Callable[[Path], Path]
) -> None:
    """Faults 2, 11 and 45 of the origin, over HTTP: a new vendor's first 5,000.00 through WorkCompleted."""
    rng = seed_of("killed_scoring")
    new_data_dir(tmp_path / "data")
    with Serve(tmp_path, scoring=True) as serve:
        serve.start()
        with client_of(serve) as client:
            office = Office(serve, client)
            _flag_and_clear(serve, office)
        _backtest(serve, office)
        _score_within_the_bound(serve)
        for _ in range(rounds(1, 40)):
            _kill_before_the_score(serve, rng)
        assert_whole(serve.books_url())
        verified = vendorpay("audit", "verify", "--data-dir", str(serve.data_dir), "--json")
        assert verified.returncode == 0, verified.stdout


def _flag_and_clear(serve: Serve, office: Office) -> None:
    (payment_id,) = publish(office, 1, pricing={"basePrice": 500_000, "mileageCharge": 0})
    eventually_scored(serve)
    payment = office.reviewer.get(f"/payments/{payment_id}").json()
    assert payment["fraudStatus"] == "flagged"
    assert {"high_amount", "new_vendor"} <= {reason["code"] for reason in payment["fraudReasons"]}
    flagged = office.auditor.get("/payments/flagged").json()["payments"]
    assert [one["paymentId"] for one in flagged] == [payment_id]
    for person in (office.reviewer, office.admin, office.creator):
        refused = person.post(f"/payments/{payment_id}/approve")
        assert (refused.status_code, refused.json()["code"]) == (409, "fraud_review_required")
    (case,) = office.reviewer.get("/fraud/cases?status=open").json()["cases"]
    body = {"decision": "cleared", "reasonCode": "verified_with_vendor"}
    cleared = office.reviewer.post(f"/fraud/cases/{case['caseId']}/decide", body)
    assert cleared.status_code == 200, cleared.text
    assert office.admin.post(f"/payments/{payment_id}/approve").json()["status"] == "approved"


def _backtest(serve: Serve, office: Office) -> None:
    """The command, beside the service that runs."""
    period = ("--from", "2026-01-01T00:00:00Z", "--to", "2027-01-01T00:00:00Z")
    done = vendorpay("fraud", "backtest", *period, "--org", office.org, "--data-dir", str(serve.data_dir), "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    found = [report[name] for name in ("scored", "flagged", "cleared", "changedCount", "precision")]
    assert found == [1, 1, 1, 0, 0.0], "the one that was flagged was in order"


def _score_within_the_bound(serve: Serve) -> None:
    with client_of(serve) as client:
        for _ in range(TRIES):
            publish(Office(serve, client), 1)
            published = time.monotonic()
            eventually_scored(serve)
            if time.monotonic() - published < BOUND_S:
                return
    raise AssertionError(f"not one of {TRIES} payments had its score within {BOUND_S} s")


def _kill_before_the_score(serve: Serve, rng: random.Random) -> None:
    with client_of(serve) as client:
        publish(Office(serve, client), EACH)
    time.sleep(rng.uniform(0, 0.25))
    serve.kill_everything()
    serve.start()
    with client_of(serve) as client:
        assert "vendorpay_unscored_oldest_seconds" in client.get("/metrics").text, "test_read_standing holds its value"
    eventually_scored(serve)
