"""Migrations run once, in order, whole or not at all, by an owner who is no superuser; twice is once."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from tests.database import DatabaseUrls, approving, new_payment, write
from vendorpay.entrypoints import embedded_postgres
from vendorpay.entrypoints.embedded_postgres import RunningPostgres
from vendorpay.store.migrate import Migration, MigrationError, migrate, shipped, status

DEBIANS_15 = Path("/usr/lib/postgresql/15/bin")

CATALOG = """
SELECT 'column', table_name, column_name, data_type, is_nullable, coalesce(column_default, '') FROM
    information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', '' FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'index', tablename, indexname, indexdef, '', '' FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), tgenabled::text, '' FROM pg_trigger
    WHERE NOT tgisinternal
UNION ALL SELECT 'function', proname, pg_get_functiondef(oid), coalesce(proacl::text, ''), '', '' FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT 'view', viewname, definition, '', '', '' FROM pg_views WHERE schemaname = 'public'
UNION ALL SELECT 'grant', relname, coalesce(relacl::text, ''), coalesce(reloptions::text, ''), '', '' FROM pg_class
    WHERE relnamespace = 'public'::regnamespace
UNION ALL SELECT 'column grant', attrelid::regclass::text, attname, attacl::text, '', '' FROM pg_attribute
    WHERE attacl IS NOT NULL AND attrelid::regclass::text NOT LIKE 'pg\\_%'
ORDER BY 1, 2, 3, 4, 5, 6
"""

pytestmark = pytest.mark.anyio


def catalog(url: str) -> list[tuple[str, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(CATALOG.encode()).fetchall()


def names(migrations: Sequence[Migration]) -> list[str]:
    return [migration.name for migration in migrations]


def extra(text: str, name: str = "9000_pre_extra") -> list[Migration]:
    return [*shipped(), Migration(name=name, text=text)]


async def test_fault_82_a_second_run_does_nothing(database_urls: DatabaseUrls) -> None:
    before = catalog(database_urls.owner)
    assert await migrate(database_urls.owner) == []
    assert catalog(database_urls.owner) == before
    assert all(standing.applied for standing in await status(database_urls.owner))


async def test_a_fresh_database_gets_every_migration_in_order(empty_database_urls: DatabaseUrls) -> None:
    assert [standing.applied for standing in await status(empty_database_urls.owner)] == [False] * len(shipped())
    assert await migrate(empty_database_urls.owner) == names(shipped())
    assert names(shipped()) == sorted(names(shipped()))


async def test_one_file_at_a_time_gives_the_same_schema_as_all_at_once(
    database_urls: DatabaseUrls, empty_database_urls: DatabaseUrls
) -> None:
    wanted = shipped()
    for many in range(1, len(wanted) + 1):
        assert await migrate(empty_database_urls.owner, wanted[:many]) == [wanted[many - 1].name]
    found = catalog(empty_database_urls.owner)
    assert len(found) > 500
    assert found == catalog(database_urls.owner)


async def test_a_file_that_was_changed_after_it_ran_is_refused(database_urls: DatabaseUrls) -> None:
    first, *others = shipped()
    changed = [Migration(name=first.name, text=first.text + "-- a word\n"), *others]
    with pytest.raises(MigrationError, match=f"changed after they ran: {first.name}"):
        await migrate(database_urls.owner, changed)


async def test_a_database_that_is_newer_than_the_program_is_refused(database_urls: DatabaseUrls) -> None:
    await migrate(database_urls.owner, extra("CREATE TABLE of_tomorrow (id int)"))
    for attempt in (migrate(database_urls.owner), status(database_urls.owner)):
        with pytest.raises(MigrationError, match="9000_pre_extra"):
            await attempt


async def test_a_migration_that_fails_leaves_nothing_behind(database_urls: DatabaseUrls) -> None:
    before = catalog(database_urls.owner)
    broken = extra("CREATE TABLE half_made (id int); ALTER TABLE payments ADD COLUMN half int; SELECT 1 / 0")
    with pytest.raises(MigrationError, match="9000_pre_extra failed and was rolled back"):
        await migrate(database_urls.owner, broken)
    assert catalog(database_urls.owner) == before
    assert await migrate(database_urls.owner, extra("CREATE TABLE whole (id int)")) == ["9000_pre_extra"]


async def test_those_before_a_failing_migration_stay(empty_database_urls: DatabaseUrls) -> None:
    with pytest.raises(MigrationError):
        await migrate(empty_database_urls.owner, extra("SELECT 1 / 0"))
    assert all(standing.applied for standing in await status(empty_database_urls.owner))


async def test_a_migration_without_a_transaction_may_build_an_index_beside_writers(database_urls: DatabaseUrls) -> None:
    text = "-- no-transaction\nCREATE INDEX CONCURRENTLY idx_extra ON payments (org_id)"
    assert await migrate(database_urls.owner, extra(text)) == ["9000_pre_extra"]
    assert await migrate(database_urls.owner, extra(text)) == []


async def test_migrators_that_start_at_once_run_each_file_once(empty_database_urls: DatabaseUrls) -> None:
    ran = await asyncio.gather(*(migrate(empty_database_urls.owner) for _ in range(4)))
    assert sorted(name for names_of_one in ran for name in names_of_one) == names(shipped())


@pytest.mark.parametrize("role", ["app", "readonly"])
async def test_fault_62_the_service_cannot_migrate(role: str, empty_database_urls: DatabaseUrls) -> None:
    with pytest.raises(MigrationError, match="may not migrate"):
        await migrate(getattr(empty_database_urls, role))
    assert catalog(empty_database_urls.owner) == []


async def test_the_service_cannot_bring_in_a_migration_later(database_urls: DatabaseUrls) -> None:
    with pytest.raises(MigrationError, match="may not migrate"):
        await migrate(database_urls.app, extra("CREATE TABLE loot (id int)"))


@pytest.fixture(scope="module", params=["the packaged one", "the system's 15"])
def fresh_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPostgres]:
    """A server that never heard of our roles."""
    bin_dir = None if request.param == "the packaged one" else DEBIANS_15
    if bin_dir is not None and not bin_dir.is_dir():
        pytest.skip("this machine has no PostgreSQL 15")
    with embedded_postgres.start(tmp_path_factory.mktemp("fresh"), fsync=False, bin_dir=bin_dir) as running:
        with psycopg.connect(running.superuser_url(), autocommit=True) as connection:
            connection.execute("CREATE ROLE someone LOGIN CREATEROLE PASSWORD 'of-someone'")
            connection.execute("CREATE DATABASE books OWNER someone")
        yield running


async def test_an_owner_who_is_no_superuser_sets_up_a_fresh_server(fresh_server: RunningPostgres) -> None:
    """Also origin 62 and 85: afterwards the service runs as a role that owns nothing and waits for nothing long."""
    url = fresh_server.url("someone", "of-someone", "books")
    assert await migrate(url) == names(shipped())
    assert await migrate(url) == []
    with psycopg.connect(fresh_server.superuser_url(), autocommit=True) as connection:
        row = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = 'someone'").fetchone()
        assert row == (False,)
        connection.execute(SQL("ALTER ROLE {} LOGIN PASSWORD 'of-app'").format(Identifier("vendorpay_app")))
    with psycopg.connect(fresh_server.url("vendorpay_app", "of-app", "books")) as connection:
        assert connection.execute("SELECT current_setting('lock_timeout')").fetchone() == ("5s",)
        assert write(connection, approving(write(connection, new_payment())))["status"] == "approved"
