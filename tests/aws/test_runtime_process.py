"""What Lambda does to a function: it freezes it, lets it run out of time, kills it, restores it from a snapshot."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import msgspec
import psycopg
import pytest

from tests.api.asking import Answered
from tests.aws.conftest import StartFunction
from tests.aws.gateway_events import V1, V2, claims, event
from tests.aws.runtime_api import LambdaFunction
from tests.database import DatabaseUrls
from tests.scenarios.blocking import writes_blocked
from tests.scenarios.books import assert_whole
from tests.usecases.world import rounds, seeded
from vendorpay.api import examples

JSON = ("Content-Type", "application/json")
REPEATS_MAX = 100
MAY_BE_UNDER_WAY = {"idempotency_in_flight", "overloaded", "database_unavailable"}


def new_payment() -> dict[str, Any]:
    return {**examples.NEW_PAYMENT, "incidentId": str(uuid4())}


def creation(payment: dict[str, Any], key: str) -> dict[str, Any]:
    body = msgspec.json.encode(payment)
    return event(V1, "POST", "/payments", who=claims("dispatcher"), headers=[JSON, ("Idempotency-Key", key)], body=body)


def reading(payment_id: str) -> dict[str, Any]:
    return event(V2, "GET", f"/payments/{payment_id}", template="/payments/{id}", who=claims("admin"))


def asked(function: LambdaFunction, given: dict[str, Any], *, timeout_s: float = 30.0) -> Answered:
    response = function.invoke(given, timeout_s=timeout_s)
    headers = response.get("headers") or {name: values[-1] for name, values in response["multiValueHeaders"].items()}
    return Answered(response["statusCode"], headers, response["body"].encode())


def repeated(function: LambdaFunction, given: dict[str, Any]) -> Answered:
    """As a careful client repeats: for as long as the first attempt may still be under way."""
    said: list[str] = []
    while len(said) < REPEATS_MAX:
        answered = asked(function, given)
        if answered.status < 400 or answered.code not in MAY_BE_UNDER_WAY:
            return answered
        said.append(answered.code)
        time.sleep(0.1)
    raise AssertionError(f"{REPEATS_MAX} times nothing but {set(said)}")


def sessions(urls: DatabaseUrls) -> list[tuple[Any, ...]]:
    """The service's sessions as the server knows them: number, state, start."""
    asked_for = """SELECT pid, state, backend_start FROM pg_stat_activity
                   WHERE datname = %s AND application_name = 'vendorpay' ORDER BY pid"""
    with psycopg.connect(urls.superuser) as connection:
        return connection.execute(asked_for, (urls.name,)).fetchall()


def payments_of(urls: DatabaseUrls, payment: dict[str, Any]) -> int:
    with psycopg.connect(urls.superuser) as connection:
        row = connection.execute("SELECT count(*) FROM payments WHERE incident_id = %s", (payment["incidentId"],))
        return int((row.fetchone() or (0,))[0])


def test_one_connection_serves_every_invocation(start_function: StartFunction, database_urls: DatabaseUrls) -> None:
    create = start_function("create-payment")
    assert asked(create, creation(new_payment(), "1")).status == 201
    first = sessions(database_urls)
    for number in range(2, 6):
        assert asked(create, creation(new_payment(), str(number))).status == 201
    assert [pid for pid, _, _ in sessions(database_urls)] == [pid for pid, _, _ in first]
    assert len(first) == 1


@pytest.mark.parametrize("name", ["create-payment", "get-payment"])
def test_a_connection_that_died_in_its_sleep_is_replaced_within_the_invocation(
    name: str, start_function: StartFunction, database_urls: DatabaseUrls
) -> None:
    """After a failover, or a night: nobody gets an error for it."""
    function = start_function(name, frozen_between=True)

    def ask() -> int:
        given = creation(new_payment(), str(uuid4())) if name == "create-payment" else reading(str(uuid4()))
        return asked(function, given).status

    expected = 201 if name == "create-payment" else 404
    assert ask() == expected
    for pause_s in (0.0, 1.2):
        with psycopg.connect(database_urls.superuser, autocommit=True) as connection:
            for pid, _, _ in sessions(database_urls):
                connection.execute("SELECT pg_terminate_backend(%s)", (pid,))
        time.sleep(pause_s)
        pid = function.pid
        assert ask() == expected
        assert function.pid == pid, "the same process healed itself"


def test_kill_9_in_the_middle_of_a_create_leaves_one_payment(
    start_function: StartFunction, database_urls: DatabaseUrls
) -> None:
    create = start_function("create-payment")
    payment = new_payment()
    given = creation(payment, "the key")
    with writes_blocked(database_urls.superuser) as blocked:
        create.begin(given)
        blocked.wait_for_one()
        create.kill()
    answered = repeated(create, given)
    assert answered.status == 201
    assert payments_of(database_urls, payment) == 1
    assert repeated(create, given).json == answered.json
    assert_whole(database_urls.superuser)


def test_kill_9_at_any_moment_leaves_one_payment(start_function: StartFunction, database_urls: DatabaseUrls) -> None:
    chance = seeded("kill -9 of a function")
    create = start_function("create-payment")
    for number in range(rounds(4, 300)):
        assert asked(create, creation(new_payment(), f"warm {number}")).status == 201
        payment = new_payment()
        given = creation(payment, f"key {number}")
        create.begin(given)
        time.sleep(chance.uniform(0, 0.012))
        create.kill()
        assert repeated(create, given).status == 201
        assert payments_of(database_urls, payment) == 1
    assert_whole(database_urls.superuser)


def test_who_runs_out_of_time_is_told_so_and_leaves_nothing_half_done(
    start_function: StartFunction, database_urls: DatabaseUrls
) -> None:
    """Before Lambda's own end, which would be the gateway's 502: a 503 that says when to come again."""
    create = start_function("create-payment", frozen_between=True)
    assert asked(create, creation(new_payment(), "warm")).status == 201
    pid, payment = create.pid, new_payment()
    given = creation(payment, "the key")
    with writes_blocked(database_urls.superuser):
        refused = asked(create, given, timeout_s=3.0)
        assert (refused.status, refused.code) == (503, "overloaded")
        assert int(refused.headers["retry-after"]) > 0
        assert "ended before its writing did" in create.log()
    assert create.pid == pid, "it was not killed"
    answered = repeated(create, given)
    assert answered.status == 201
    assert payments_of(database_urls, payment) == 1
    deadline = time.monotonic() + 30
    # The one that was hung up may still be ending.
    while {state for _, state, _ in sessions(database_urls)} != {"idle"}:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert_whole(database_urls.superuser)


def test_running_out_of_time_in_the_middle_of_a_batch_loses_nothing(
    start_function: StartFunction, database_urls: DatabaseUrls
) -> None:
    bulk = start_function("bulk")
    payments = [new_payment() for _ in range(10)]
    body = msgspec.json.encode(payments)
    headers = [JSON, ("Idempotency-Key", "the batch")]
    given = event(V2, "POST", "/payments/bulk", who=claims("dispatcher"), headers=headers, body=body)
    with writes_blocked(database_urls.superuser):
        assert asked(bulk, given, timeout_s=3.0).status == 503
    answered = repeated(bulk, given)
    assert answered.status == 200
    assert [item["status"] for item in answered.json["results"]] == [201] * 10
    assert [payments_of(database_urls, payment) for payment in payments] == [1] * 10
    assert_whole(database_urls.superuser)


def test_a_snapshot_holds_no_connection_and_its_copies_work(
    start_function: StartFunction, database_urls: DatabaseUrls
) -> None:
    """SnapStart: the first of its copies connects when it is first asked."""
    seen: list[int] = []

    create = start_function("create-payment", AWS_LAMBDA_INITIALIZATION_TYPE="snap-start")
    create.on_restore = lambda: seen.append(len(sessions(database_urls)))
    assert asked(create, creation(new_payment(), "1")).status == 201
    assert seen == [0]
    assert len(sessions(database_urls)) == 1
