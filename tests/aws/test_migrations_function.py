"""The migrations function, on a server that nobody has set up: schema, months and logins, once and again."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.aws.moto_server import REGION, MotoServer
from tests.aws.runtime_api import FunctionError, LambdaFunction, lambda_function
from tests.aws.told import told
from tests.database import DatabaseUrls
from vendorpay.entrypoints import embedded_postgres
from vendorpay.entrypoints.aws.functions import MIGRATIONS_HANDLER
from vendorpay.entrypoints.embedded_postgres import RunningPostgres
from vendorpay.store.migrate import shipped

APP, READONLY, OWNER = "vendorpay_app", "vendorpay_readonly", "vendorpay_owner"
DATABASE, PASSWORD = "vendorpay", "of-the-cluster"


@pytest.fixture
def cluster() -> Iterator[RunningPostgres]:
    """As RDS hands one over: a database, and an owner who is no superuser."""
    with (
        tempfile.TemporaryDirectory(prefix="vendorpay-cluster-", ignore_cleanup_errors=True) as place,
        embedded_postgres.start(Path(place), fsync=False) as running,
        psycopg.connect(running.superuser_url(), autocommit=True) as superuser,
    ):
        superuser.execute(f"CREATE ROLE {OWNER} LOGIN CREATEROLE CREATEDB PASSWORD '{PASSWORD}'".encode())
        superuser.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}".encode())
        yield running


@pytest.fixture
def secrets(moto: MotoServer) -> dict[str, str]:
    """The ARNs of the logins' secrets, by role."""
    return {role: a_secret(moto, role, f"of-{role}") for role in (APP, READONLY)}


@pytest.fixture
def function(cluster: RunningPostgres, moto: MotoServer, secrets: dict[str, str]) -> Iterator[LambdaFunction]:
    with lambda_function(MIGRATIONS_HANDLER, environment(cluster, moto, secrets)) as started:
        yield started


def environment(cluster: RunningPostgres, moto: MotoServer, secrets: dict[str, str], **more: str) -> dict[str, str]:
    owner = cluster.url(OWNER, PASSWORD, DATABASE)
    urls = DatabaseUrls(name=DATABASE, owner=owner, app=owner, readonly=owner, superuser=owner)
    named = {"AURORA_APP_SECRET_ARN": secrets[APP], "AURORA_READONLY_SECRET_ARN": secrets[READONLY]}
    return told("migrations", urls, **{**moto.environment(), **named, "AWS_REGION": REGION, **more})


def a_secret(moto: MotoServer, username: str, password: str) -> str:
    text = json.dumps({"username": username, "password": password, "engine": "postgres", "port": 5432})
    arn: str = moto.client("secretsmanager").create_secret(Name=f"s-{uuid4().hex}", SecretString=text)["ARN"]
    return arn


def asked(cluster: RunningPostgres, role: str, password: str, query: str) -> Any:
    with psycopg.connect(cluster.url(role, password, DATABASE)) as connection:
        return connection.execute(query.encode()).fetchone()


def gets_in(cluster: RunningPostgres, role: str, password: str) -> bool:
    try:
        return bool(asked(cluster, role, password, "SELECT 1"))
    except psycopg.OperationalError:
        return False


def test_a_fresh_cluster_gets_schema_months_and_logins_and_a_second_run_changes_nothing(
    function: LambdaFunction, cluster: RunningPostgres
) -> None:
    did = function.invoke({"phase": "pre"}, timeout_s=120)
    assert did == {
        "phase": "pre",
        "ran": [migration.name for migration in shipped()],
        "partitionsAhead": True,
        "logins": [APP, READONLY],
    }
    months = asked(cluster, APP, f"of-{APP}", "SELECT partition_months_left(now())")
    assert months[0] >= 23
    assert asked(cluster, READONLY, f"of-{READONLY}", "SELECT count(*) FROM payments") == (0,)
    for phase in ("pre", "post"):
        assert function.invoke({"phase": phase}) == {"phase": phase, "ran": [], "partitionsAhead": True, "logins": []}


def test_nobody_else_gets_into_the_database_and_the_functions_own_nothing(
    function: LambdaFunction, cluster: RunningPostgres
) -> None:
    """origin 62 of the database's side: who serves cannot change the schema."""
    function.invoke({"phase": "pre"}, timeout_s=120)
    with psycopg.connect(cluster.superuser_url(), autocommit=True) as superuser:
        superuser.execute("CREATE ROLE stranger LOGIN PASSWORD 'x'")
    assert not gets_in(cluster, "stranger", "x")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        asked(cluster, APP, f"of-{APP}", "CREATE TABLE mine ()")


def test_a_password_that_the_secret_knows_better_is_set_and_one_that_works_is_left_alone(
    function: LambdaFunction, cluster: RunningPostgres, moto: MotoServer, secrets: dict[str, str]
) -> None:
    function.invoke({"phase": "pre"}, timeout_s=120)
    stored = "SELECT rolpassword FROM pg_authid WHERE rolname = 'vendorpay_readonly'"
    with psycopg.connect(cluster.superuser_url(), autocommit=True) as superuser:
        before = superuser.execute(stored).fetchone()
        superuser.execute("ALTER ROLE vendorpay_app PASSWORD 'lost'")
        assert function.invoke({"phase": "post"})["logins"] == [APP]
        assert superuser.execute(stored).fetchone() == before
    assert gets_in(cluster, APP, f"of-{APP}")
    text = json.dumps({"username": APP, "password": "rotated"})
    moto.client("secretsmanager").put_secret_value(SecretId=secrets[APP], SecretString=text)
    function.kill()  # an environment remembers a secret for an hour; a deploy has a new one
    assert function.invoke({"phase": "post"})["logins"] == [APP]
    assert gets_in(cluster, APP, "rotated")
    assert "rotated" not in function.log()
    assert PASSWORD not in function.log()


def test_a_deploy_in_the_middle_of_a_rotation_does_not_take_its_password_back(
    function: LambdaFunction, cluster: RunningPostgres, moto: MotoServer, secrets: dict[str, str]
) -> None:
    """origin 83. The role has the next password, and the secret does not say so yet: were the old one put back, nobody
    would get in once the rotation makes the next one current.
    """
    function.invoke({"phase": "pre"}, timeout_s=120)
    manager = moto.client("secretsmanager")
    manager.put_secret_value(
        SecretId=secrets[APP],
        SecretString=json.dumps({"username": APP, "password": "next"}),
        VersionStages=["AWSPENDING"],
    )
    assert function.invoke({"phase": "pre"})["logins"] == [], "the rotation has not come to the role yet"
    with psycopg.connect(cluster.superuser_url(), autocommit=True) as superuser:
        superuser.execute("ALTER ROLE vendorpay_app PASSWORD 'next'")
    assert function.invoke({"phase": "post"})["logins"] == []
    assert gets_in(cluster, APP, "next")


def test_cloudformation_may_ask_for_it(function: LambdaFunction) -> None:
    asked_for = {
        "RequestType": "Create",
        "ResourceType": "Custom::Migrations",
        "ResourceProperties": {"ServiceToken": "arn", "phase": "pre", "version": "1"},
        "ResponseURL": "https://example.invalid/",
        "StackId": "s",
        "RequestId": "r",
        "LogicalResourceId": "l",
    }
    first = function.invoke(asked_for, timeout_s=120)
    again = function.invoke({**asked_for, "RequestType": "Update", "PhysicalResourceId": first["PhysicalResourceId"]})
    assert first["Data"]["phase"] == "pre"
    assert first["Data"]["ran"]
    assert (again["PhysicalResourceId"], again["Data"]["ran"]) == (first["PhysicalResourceId"], [])
    gone = function.invoke({**asked_for, "RequestType": "Delete"})
    assert gone == {"PhysicalResourceId": first["PhysicalResourceId"]}


@pytest.mark.parametrize("event", [{}, {"phase": "later"}, {"phase": None}, {"ResourceProperties": {}}])
def test_an_invocation_without_a_phase_is_refused(event: dict[str, Any], function: LambdaFunction) -> None:
    with pytest.raises(FunctionError) as caught:
        function.invoke(event)
    assert caught.value.type == "NoPhase"


def test_secrets_that_were_mixed_up_let_nobody_in_as_somebody_else(
    cluster: RunningPostgres, moto: MotoServer, secrets: dict[str, str]
) -> None:
    mixed_up = {APP: secrets[READONLY], READONLY: secrets[APP]}
    with lambda_function(MIGRATIONS_HANDLER, environment(cluster, moto, mixed_up)) as function:
        with pytest.raises(FunctionError) as caught:
            function.invoke({"phase": "pre"}, timeout_s=120)
        assert caught.value.type == "SecretsMixedUp"
    assert not gets_in(cluster, READONLY, f"of-{APP}")


def test_with_iam_the_roles_are_logins_without_a_password(
    cluster: RunningPostgres, moto: MotoServer, secrets: dict[str, str]
) -> None:
    with psycopg.connect(cluster.superuser_url(), autocommit=True) as superuser:
        superuser.execute("CREATE ROLE rds_iam NOLOGIN")
        superuser.execute("GRANT rds_iam TO vendorpay_owner WITH ADMIN OPTION")
        given = environment(cluster, moto, secrets, VENDORPAY_DATABASE_AUTH="iam")
        with lambda_function(MIGRATIONS_HANDLER, given) as function:
            function.invoke({"phase": "pre"}, timeout_s=120)
        found = superuser.execute(
            "SELECT rolname, rolcanlogin, pg_has_role(rolname, 'rds_iam', 'MEMBER'), rolpassword IS NULL"
            " FROM pg_authid WHERE rolname IN ('vendorpay_app', 'vendorpay_readonly') ORDER BY 1"
        ).fetchall()
    assert found == [(APP, True, True, True), (READONLY, True, True, True)]
