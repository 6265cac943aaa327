"""Functions as Lambda runs them, with nothing given to them but names: the password is a secret's, the line is TLS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.aws.aurora import PASSWORDS, Aurora, aurora, secret_text
from tests.aws.conftest import IDENTITY, ISSUER
from tests.aws.gateway_events import V2, claims, event
from tests.aws.moto_server import MotoServer
from tests.aws.runtime_api import LambdaFunction
from vendorpay.api import examples
from vendorpay.entrypoints.aws.functions import function
from vendorpay.store.set_up import APP, OWNER, READONLY


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory, moto: MotoServer) -> Iterator[Aurora]:
    with aurora(tmp_path_factory.mktemp("functions"), moto) as running:
        yield running


def a_function(database: Aurora, role: str, **changes: str) -> LambdaFunction:
    """One that connects as this role; it starts when it is first asked."""
    environment = database.environment(role, **IDENTITY, VENDORPAY_JWT_ISSUER=ISSUER, **changes)
    return LambdaFunction(function(environment["VENDORPAY_FUNCTION"]).handler, environment)


def creation(reference: str) -> dict[str, Any]:
    """A request that creates the example, under a reference of its own."""
    body = {**examples.NEW_PAYMENT, "reference": reference}
    return event(
        V2,
        "POST",
        "/payments",
        who=claims("dispatcher"),
        headers=[("Content-Type", "application/json")],
        body=msgspec.json.encode(body),
    )


def reading(payment_id: str) -> dict[str, Any]:
    """A request that reads one payment."""
    return event(V2, "GET", f"/payments/{payment_id}", template="/payments/{id}", who=claims("auditor"))


def test_a_function_finds_its_way_in_and_again_after_a_rotation(database: Aurora) -> None:
    """origin 20, 21: by the names in its environment alone, over a line that proves whose it is."""
    with a_function(database, APP) as create, a_function(database, READONLY) as get:
        answers = [create.invoke(creation("one"))]
        database.alter_password(APP, "another")
        text = secret_text(APP, "another")
        database.moto.client("secretsmanager").put_secret_value(SecretId=database.arns[APP], SecretString=text)
        with database.superuser() as connection:
            ended = connection.execute(
                "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE usename = %s", (APP,)
            ).fetchone()
        answers.append(create.invoke(creation("two")))
        told = [msgspec.json.decode(answer["body"]) for answer in answers]
        read = get.invoke(reading(told[0]["paymentId"]))
        logged = create.words() + get.words()
    assert ended == (1,)
    assert [answer["statusCode"] for answer in answers] == [201, 201]
    assert read["statusCode"] == 200
    assert not any(password in logged for password in ("another", *PASSWORDS.values()))


def test_a_function_that_may_only_read_cannot_be_given_the_right_to_write_by_mistake(database: Aurora) -> None:
    """origin 21: the secrets of two functions are mixed up; neither gets in as the other."""
    with a_function(database, READONLY, AURORA_SECRET_ARN=database.arns[OWNER]) as get:
        answer = get.invoke(reading(examples.PAYMENT_ID))
        logged = get.words()
    assert answer["statusCode"] == 503
    assert msgspec.json.decode(answer["body"])["code"] == "database_unavailable"
    assert "its username must be vendorpay_readonly, as whom this function connects" in logged
