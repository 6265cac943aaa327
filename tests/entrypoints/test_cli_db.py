"""`vendorpay db`, on a directory of its own and on one that is served."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.entrypoints.command_line import CommandLine
from vendorpay.entrypoints import database_home, embedded_postgres
from vendorpay.entrypoints.database_home import DatabaseHome
from vendorpay.settings import Settings
from vendorpay.store.migrate import shipped

NAMES = [migration.name for migration in shipped()]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return CommandLine(capfd, monkeypatch)


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseHome]:
    """A database that another part of the program holds open, as `serve` does."""
    with database_home.for_serving(Settings(data_dir=tmp_path_factory.mktemp("db") / "data")) as home:
        yield home


@pytest.fixture
def data_dir(held: DatabaseHome) -> Path:
    assert held.owned is not None
    return held.owned.data_dir


@pytest.fixture
def new_home(tmp_path: Path) -> Iterator[Path]:
    """A directory of its own, as others migrate the one that they share, in whatever order they run."""
    with database_home.for_serving(Settings(data_dir=tmp_path / "data")) as home:
        assert home.owned is not None
        yield home.owned.data_dir


def test_migrations_run_once_and_their_state_is_told_before_and_after(run: CommandLine, new_home: Path) -> None:
    def applied() -> list[bool]:
        told = json.loads(run("db", "status", "--json", "--data-dir", new_home).out)
        assert [each["name"] for each in told["migrations"]] == NAMES
        return [each["applied"] for each in told["migrations"]]

    assert applied() == [False] * len(NAMES)
    assert json.loads(run("db", "migrate", "--json", "--data-dir", new_home).out) == {"ran": NAMES}
    assert applied() == [True] * len(NAMES)
    assert "Nothing to do" in run("db", "migrate", "--data-dir", new_home).out
    assert run("db", "status", "--data-dir", new_home).out.count("applied") == len(NAMES)


@pytest.mark.parametrize(
    ("options", "role"),
    [
        ([], "vendorpay_readonly"),
        (["--role", "readonly"], "vendorpay_readonly"),
        (["--role", "app"], "vendorpay_app"),
        (["--superuser"], "postgres"),
    ],
)
def test_the_shell_is_opened_in_a_role(run: CommandLine, data_dir: Path, options: list[str], role: str) -> None:
    shown = run("db", "shell", *options, "--command", "SELECT current_user", "--data-dir", data_dir)
    assert shown.code == 0
    assert role in shown.out


def test_the_shell_finds_the_tables_by_bare_name_and_ends_as_psql_does(run: CommandLine, data_dir: Path) -> None:
    run("db", "migrate", "--data-dir", data_dir)
    found = run("db", "shell", "--command", "SELECT count(*) FROM payments", "--data-dir", data_dir)
    assert (found.code, "(1 row)" in found.out) == (0, True)
    refused = run("db", "shell", "--command", "DELETE FROM payments", "--data-dir", data_dir)
    assert refused.code == 1
    assert "permission denied" in refused.err
    assert run("db", "shell", "--command", "SELECT nonsense", "--superuser", "--data-dir", data_dir).code == 1


def test_the_shell_of_a_given_url_works_in_the_role_too(run: CommandLine, held: DatabaseHome) -> None:
    query = "SELECT current_user || ' by ' || session_user AS who"
    options = ("--database-url", held.urls.owner, "--command", query)
    assert "vendorpay_app by vendorpay_owner" in run("db", "shell", "--role", "app", *options).out
    assert "vendorpay_readonly by vendorpay_owner" in run("db", "shell", *options).out
    assert "vendorpay_owner by vendorpay_owner" in run("db", "shell", "--superuser", *options).out


def test_the_password_is_no_argument_of_psql(run: CommandLine, held: DatabaseHome, tmp_path: Path) -> None:
    spy = tmp_path / "psql"
    spy.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\necho "$PGPASSWORD" > {tmp_path}/password\nexit 3\n')
    spy.chmod(0o755)
    run.environment.setenv("VENDORPAY_POSTGRES_BIN_DIR", str(tmp_path))
    assert run("db", "shell", "--database-url", held.urls.owner).code == 3
    password = (tmp_path / "password").read_text().strip()
    assert len(password) > 20
    assert password not in (tmp_path / "arguments").read_text()


def test_role_and_superuser_exclude_each_other(run: CommandLine) -> None:
    assert run("db", "shell", "--role", "app", "--superuser").code == 2


def test_a_directory_that_nobody_serves_is_opened_for_the_moment_and_closed_again(
    run: CommandLine, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    for command in (("status",), ("shell", "--command", "SELECT 1")):
        mistyped = run("db", *command, "--data-dir", data_dir)
        assert (mistyped.code, data_dir.exists()) == (2, False), "nothing is made where nothing was"
        assert "There is no database in" in mistyped.err
    assert run("db", "migrate", "--data-dir", data_dir).code == 0
    found = run("db", "shell", "--command", "SELECT count(*) FROM payments", "--data-dir", data_dir)
    assert found.code == 0
    assert embedded_postgres.running(data_dir) is None


def test_a_named_directory_goes_before_a_url_of_the_environment(run: CommandLine, data_dir: Path) -> None:
    run.environment.setenv("VENDORPAY_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    assert run("db", "status", "--data-dir", data_dir).code == 0
    refused = run("db", "status")
    assert refused.code == 1
    assert "The database does not answer" in refused.err


def test_a_directory_of_another_kind_is_refused_with_advice(run: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "letter.txt").write_text("hello")
    refused = run("db", "status", "--data-dir", tmp_path)
    assert refused.code == 1
    assert "choose another data directory" in refused.err
    assert os.listdir(tmp_path / "postgres") == ["letter.txt"]
