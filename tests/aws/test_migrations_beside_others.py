"""Migrations beside what else happens to a database: its owner's password rotates, and something fails.

CloudFormation keeps why a deploy stopped, for everybody to read who may look at the stack.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.aws.aurora import DATABASE, Aurora, aurora, secret_text
from tests.aws.moto_server import MotoServer
from tests.aws.runtime_api import lambda_function
from tests.aws.told import rows, told
from tests.database import DatabaseUrls
from vendorpay.entrypoints.aws import migrations
from vendorpay.entrypoints.aws.functions import MIGRATIONS_HANDLER
from vendorpay.store import migrate as migrating
from vendorpay.store.migrate import LOCK_KEY, Migration, MigrationError, shipped
from vendorpay.store.set_up import OWNER

MAIL = "ann@example.org"
PATIENCE_S = 30.0
WINDOW_S = 0.8
"""Between ALTER ROLE and the move of AWSCURRENT."""
TWICE = f"CREATE TABLE people (mail text UNIQUE); INSERT INTO people VALUES ('{MAIL}'), ('{MAIL}')"


class _Context:
    aws_request_id = "r"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@pytest.fixture
def database(tmp_path: Path, moto: MotoServer) -> Iterator[Aurora]:
    with aurora(tmp_path, moto) as running:
        yield running


@pytest.fixture
def as_function(database_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch) -> DatabaseUrls:
    """This process is the migrations function."""
    for name, value in told("migrations", database_urls, VENDORPAY_DATABASE_URL=database_urls.owner).items():
        monkeypatch.setenv(name, value)
    return database_urls


def test_a_password_that_changes_under_a_long_migration_does_not_stop_the_deploy(database: Aurora) -> None:
    """origin 83. The owner's was read once at the beginning, and refused at the end."""
    with database.superuser() as other, lambda_function(MIGRATIONS_HANDLER, database.environment(OWNER)) as function:
        other.execute("SELECT pg_advisory_lock(%s)", [LOCK_KEY])
        under_way = function.begin({"phase": "pre"}, timeout_s=60)
        deadline = time.monotonic() + PATIENCE_S
        waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND usename = %s AND wait_event = 'advisory'"
        while not other.execute(waiting, [DATABASE, OWNER]).fetchone():
            assert time.monotonic() < deadline, function.words()
            time.sleep(0.02)
        database.alter_password(OWNER, "rotated")
        other.execute("SELECT pg_advisory_unlock(%s)", [LOCK_KEY])
        time.sleep(WINDOW_S)
        database.moto.client("secretsmanager").put_secret_value(
            SecretId=database.arns[OWNER], SecretString=secret_text(OWNER, "rotated")
        )
        assert function.finish(under_way) == {"phase": "pre", "ran": [], "partitionsAhead": True, "logins": []}


def test_a_migration_that_fails_quotes_no_row_but_in_its_log(
    as_function: DatabaseUrls, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    extra = Migration(name="9000_pre_people", text=TWICE)
    monkeypatch.setattr(migrating, "shipped", lambda: [*shipped(), extra])
    with pytest.raises(MigrationError) as caught:
        migrations.handler({"phase": "pre"}, _Context())
    assert str(caught.value) == (
        "Migration 9000_pre_people failed and was rolled back: its statement 2 failed: SQLSTATE 23505 "
        "(UniqueViolation), constraint people_mail_key, table people. "
        "What it said is in the log of the migrations function."
    )
    assert caught.value.__cause__ is None
    assert f"Key (mail)=({MAIL}) already exists" in capsys.readouterr().err


def test_nothing_else_that_the_database_refuses_quotes_a_row_either(
    as_function: DatabaseUrls, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = f"BEGIN RAISE EXCEPTION 'the row of {MAIL}'; END"
    function = "CREATE OR REPLACE FUNCTION ensure_partitions(at timestamptz, ahead integer) RETURNS void"
    rows(
        as_function,
        f"DROP FUNCTION ensure_partitions; {function} LANGUAGE plpgsql AS '{broken.replace(chr(39), chr(39) * 2)}'",
    )
    with pytest.raises(MigrationError) as caught:
        migrations.handler({"phase": "pre"}, _Context())
    assert str(caught.value).startswith("The database refused: SQLSTATE P0001 (RaiseException).")
    assert MAIL not in str(caught.value)
    assert f"the row of {MAIL}" in capsys.readouterr().err


def test_a_database_that_cannot_be_reached_is_named(as_function: DatabaseUrls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENDORPAY_DATABASE_URL", "postgresql://vendorpay_owner@127.0.0.1:1/vendorpay")
    with pytest.raises(Exception, match=r"127\.0\.0\.1.*port 1"):
        migrations.handler({"phase": "pre"}, _Context())
