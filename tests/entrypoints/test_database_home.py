"""The database of a command: its roles, its files, and who may do what in it."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier, Literal

from vendorpay.entrypoints import database_home, role_passwords
from vendorpay.entrypoints.database_home import DatabaseHome, DatabaseNotReady, bring_up_to_date
from vendorpay.entrypoints.database_urls import DatabaseUrlRefused, of_given
from vendorpay.entrypoints.embedded_postgres import AlreadyRunning
from vendorpay.settings import Settings
from vendorpay.store.migrate import MigrationError, shipped
from vendorpay.store.set_up import PARTITION_MONTHS_AHEAD

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(data_dir=tmp_path_factory.mktemp("home") / "data")


@pytest.fixture(scope="module")
def home(settings: Settings) -> Iterator[DatabaseHome]:
    """One home for the tests that leave it as it is."""
    with database_home.for_serving(settings) as home:
        asyncio.run(bring_up_to_date(home.urls, now=datetime.now(UTC)))
        yield home


def asked(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row[0] if row and len(row) == 1 else row


def test_fault_62_the_service_connects_as_a_role_that_owns_nothing(home: DatabaseHome) -> None:
    assert asked(home.urls.app, "SELECT current_user || session_user") == "vendorpay_app" * 2
    rights = (
        "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
    )
    assert asked(home.urls.app, rights) is False
    owned = "SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole"
    assert asked(home.urls.app, owned) == 0
    for statement in ("DELETE FROM payment_audit_log", "DROP TABLE payments", "CREATE TABLE mine (x int)"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            asked(home.urls.app, statement)


def test_the_owner_is_no_superuser_and_owns_the_tables(home: DatabaseHome) -> None:
    assert asked(home.urls.owner, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
    assert asked(home.urls.owner, "SELECT tableowner FROM pg_tables WHERE tablename = 'payments'") == "vendorpay_owner"


def test_readonly_may_look_and_not_touch(home: DatabaseHome) -> None:
    assert asked(home.urls.readonly, "SELECT count(*) FROM payments") == 0
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        asked(home.urls.readonly, "UPDATE payments SET version = 2")


def test_fault_85_the_services_statements_end_by_themselves(home: DatabaseHome) -> None:
    shown = "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'), current_setting('timezone')"
    assert asked(home.urls.app, shown) == ("10s", "5s", "UTC")


def test_the_passwords_lie_in_a_file_that_nobody_else_may_read(home: DatabaseHome, settings: Settings) -> None:
    file = settings.data_dir / role_passwords.FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    passwords = role_passwords.read(settings.data_dir)
    assert passwords is not None
    assert len(set(passwords.values())) == 3
    assert not list(settings.data_dir.glob("*.draft"))


def test_no_password_is_in_what_is_printed_of_the_urls(home: DatabaseHome, settings: Settings) -> None:
    for password in (role_passwords.read(settings.data_dir) or {}).values():
        assert password not in repr(home.urls)


def test_a_command_attaches_to_the_running_one_and_leaves_it_running(home: DatabaseHome, settings: Settings) -> None:
    with database_home.for_command(settings) as attached:
        assert attached.owned is None
        assert asked(attached.urls.readonly, "SELECT current_user") == "vendorpay_readonly"
    assert home.alive()


def test_a_second_owner_is_refused(home: DatabaseHome, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_home, "LOCK_WAIT_S", 0.2)
    with pytest.raises(AlreadyRunning, match=str(os.getpid())), database_home.for_serving(settings):
        pass


def test_a_directory_that_is_held_without_a_postgres_is_waited_for_and_then_named(
    home: DatabaseHome, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_home, "ATTACH_WAIT_S", 0.2)
    monkeypatch.setattr("vendorpay.entrypoints.embedded_postgres.running", lambda data_dir: None)
    with pytest.raises(DatabaseNotReady, match="has not become ready"), database_home.for_command(settings):
        pass


def test_months_ahead_are_made_at_every_start(home: DatabaseHome) -> None:
    later = NOW + timedelta(days=40)
    asyncio.run(bring_up_to_date(home.urls, now=later))
    last = later.year * 12 + later.month - 1 + PARTITION_MONTHS_AHEAD
    name = f"outbox_y{last // 12}m{last % 12 + 1:02d}"
    assert asked(home.urls.app, f"SELECT to_regclass('{name}') IS NOT NULL") is True


def test_a_clock_that_is_far_off_is_told_as_that(home: DatabaseHome) -> None:
    with pytest.raises(DatabaseNotReady, match="The clock of this machine"):
        asyncio.run(bring_up_to_date(home.urls, now=NOW + timedelta(days=3650)))


def test_a_given_url_cannot_choose_another_role(home: DatabaseHome) -> None:
    urls = of_given(home.urls.owner + "&options=" + quote("-c role=vendorpay_readonly"))
    assert asked(urls.app, "SELECT current_user") == "vendorpay_app"


def test_a_given_url_is_used_in_the_services_role_with_its_own_options_kept(home: DatabaseHome) -> None:
    """Origin 62, for a database of one's own."""
    urls = of_given(home.urls.owner + "&options=" + quote("-c work_mem=8MB -c statement_timeout=3s"))
    shown = "SELECT current_user, current_setting('work_mem'), current_setting('statement_timeout')"
    assert asked(urls.app, shown) == ("vendorpay_app", "8MB", "3s")
    assert asked(urls.readonly, "SELECT current_user") == "vendorpay_readonly"
    assert asked(of_given(home.urls.owner).app, "SELECT current_setting('statement_timeout')") == "10s"
    assert asyncio.run(bring_up_to_date(urls, now=NOW)) == []


def test_a_given_url_of_the_service_itself_migrates_nothing_and_needs_nothing(home: DatabaseHome) -> None:
    urls = of_given(home.urls.app)
    assert urls.can_migrate is False
    assert "role=" not in str(conninfo_to_dict(urls.app)["options"])
    assert asyncio.run(bring_up_to_date(urls, now=NOW)) == []


def test_a_given_url_of_the_service_says_what_is_to_be_migrated_first(home: DatabaseHome) -> None:
    with psycopg.connect(home.urls.superuser or "", autocommit=True) as connection:
        connection.execute("CREATE DATABASE bare")
    bare = of_given(home.urls.app.replace("/vendorpay?", "/bare?"))
    with pytest.raises(MigrationError, match="vendorpay db migrate"):
        asyncio.run(bring_up_to_date(bare, now=NOW))


def test_a_database_that_does_not_answer_is_told_without_its_password() -> None:
    urls = of_given("postgresql://u:hunter2@127.0.0.1:1/x")
    with pytest.raises(DatabaseNotReady, match="Check that PostgreSQL runs") as refused:
        asyncio.run(bring_up_to_date(urls, now=NOW))
    assert "hunter2" not in str(refused.value)
    with pytest.raises(DatabaseUrlRefused) as not_a_url:
        of_given("postgresql://u:hunter2@h/x?no_such_option=1")
    assert "hunter2" not in str(not_a_url.value)


def test_a_directory_opens_quickly_again_also_after_its_passwords_were_lost(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    with database_home.for_command(settings) as home:
        assert home.owned is not None
        ran = asyncio.run(bring_up_to_date(home.urls, now=NOW))
    assert ran == [migration.name for migration in shipped()]
    (settings.data_dir / role_passwords.FILE).write_text('{"vendorpay_app": ')
    before = time.monotonic()
    with database_home.for_serving(settings) as home:
        assert asyncio.run(bring_up_to_date(home.urls, now=NOW)) == []
        assert time.monotonic() - before < 25
        assert asked(home.urls.app, "SELECT current_user") == "vendorpay_app"
        os.kill(home.owned.pid if home.owned else 0, signal.SIGKILL)
        while home.alive():
            time.sleep(0.01)
        before_crash = home.urls
        # Another program may have taken the port in between; then the caller is told that the URLs are other ones.
        assert home.restart(settings) is (home.urls != before_crash)
        assert asked(home.urls.app, "SELECT count(*) FROM payments") == 0
    assert not home.alive()


def test_a_service_login_that_somebody_else_made_has_its_limits_too(home: DatabaseHome) -> None:
    """Origin 85: a role of another's making has no timeouts of its own."""
    with psycopg.connect(home.urls.superuser or "", autocommit=True) as connection:
        (kept,) = connection.execute("SELECT rolconfig FROM pg_roles WHERE rolname = 'vendorpay_app'").fetchone() or (
            [],
        )
        connection.execute("ALTER ROLE vendorpay_app RESET ALL")
        try:
            shown = "SELECT current_setting('statement_timeout'), current_setting('lock_timeout')"
            assert asked(of_given(home.urls.app).app, shown) == ("10s", "5s")
        finally:  # other tests of this home look for them
            for name, _, value in (one.partition("=") for one in kept or []):
                statement = SQL("ALTER ROLE vendorpay_app SET {} = {}").format(Identifier(name), Literal(value))
                connection.execute(statement)


def test_work_that_goes_on_takes_the_database_of_a_running_service(settings: Settings, home: DatabaseHome) -> None:
    with database_home.of_service(settings) as found:
        assert found.owned is None
        assert asked(found.urls.app, "SELECT current_user") == "vendorpay_app"


def test_work_that_goes_on_starts_no_database_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would own it, and the `serve` that comes later would be refused."""
    monkeypatch.setattr(database_home, "ATTACH_WAIT_S", 0.2)
    missing = Settings(data_dir=tmp_path / "mistyped")
    words = "Start it first, or name the database with --database-url"
    with pytest.raises(DatabaseNotReady, match=words), database_home.of_service(missing):
        pass
    assert not missing.data_dir.exists()
