"""A real PostgreSQL for every process that runs tests, a fresh migrated database for whoever asks, and profiles."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg.sql import SQL, Identifier, Literal

from tests import tally
from tests.data_directory import copied, first_made
from tests.database import DatabaseUrls
from vendorpay.entrypoints import embedded_postgres
from vendorpay.entrypoints.embedded_postgres import RunningPostgres
from vendorpay.store.migrate import migrate

OWNER, APP, READONLY = "vendorpay_owner", "vendorpay_app", "vendorpay_readonly"
PASSWORD = "of-a-test"
TEMPLATE = "vendorpay_template"
MEMORY_BYTES_MIN = 4 * 1024**3
SERVER = {
    # A vacuum worker in the template would make every CREATE DATABASE wait for it.
    "autovacuum": "off",
    # Tests connect thousands of times, and these passwords are no secrets.
    "scram_iterations": "1",
    # A test that keeps its event loop busy while a pool connects leaves a connection half open, and DROP DATABASE waits
    # for that until the server has given up: a minute, by default.
    "authentication_timeout": "10s",
}

# No deadline: two cores are shared, and a slow example is no wrong one.
_ANY_SPEED = [HealthCheck.too_slow]
settings.register_profile("quick", max_examples=50, deadline=None, suppress_health_check=_ANY_SPEED)
settings.register_profile("soak", max_examples=5_000, deadline=None, suppress_health_check=_ANY_SPEED)
settings.load_profile("soak" if os.environ.get("VENDORPAY_SOAK") == "1" else "quick")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--on-aws`: the scenarios on Lambda functions, a gateway and queues instead of on `serve`."""
    parser.addoption("--on-aws", action="store_true", help="run tests/scenarios on the stand-ins for AWS")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests first: left to the end, they would keep one process at work and the others waiting."""
    items.sort(key=lambda item: "faults" not in item.path.parts)


def pytest_deselected(items: list[pytest.Item]) -> None:
    """A run of some fuzzers promises no number of requests."""
    tally.promise.left_out(item.path for item in items)


def pytest_collection_finish(session: pytest.Session) -> None:
    """A soak with all fuzzers promises it."""
    if os.environ.get("VENDORPAY_SOAK") == "1" and not session.config.option.collectonly:
        tally.promise.made_by(item.path for item in session.items)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process of several hands what it counted to the one that started it, which says whether that was enough."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["tally"] = tally.taken()
    elif tally.broken_promise() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Takes it; a process that died has nothing to hand over."""
    tally.add(getattr(node, "workeroutput", {}).get("tally") or tally.NOTHING)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The run ends by telling what chance has tried."""
    if told := list(tally.lines()):
        terminalreporter.section("what was tried")
        for line in told:
            terminalreporter.line(line)
    if broken := tally.broken_promise():
        terminalreporter.line(broken, red=True, bold=True)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres() -> Iterator[RunningPostgres]:
    """This process's own server, with nothing in it but the roles of a server that was migrated once."""
    with (
        tempfile.TemporaryDirectory(prefix="vendorpay-test-", dir=_quick_place(), ignore_cleanup_errors=True) as place,
        embedded_postgres.start(Path(place), fsync=False, settings=SERVER) as running,
        psycopg.connect(running.superuser_url(), autocommit=True) as connection,
    ):
        # initdb has stored it with thousands of iterations.
        connection.execute(SQL("ALTER ROLE postgres PASSWORD {}").format(Literal(running.superuser_password)))
        yield running


def _quick_place() -> Path | None:
    """Memory where there is enough of it: copying a database of 600 files takes 30 ms there, and ten times that on
    a disk that is busy."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > MEMORY_BYTES_MIN
    return memory if roomy else None


@pytest.fixture(scope="session")
def new_data_dir(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Puts a data directory of an earlier `serve` at a path: what is started there need not make a database first."""
    own = tmp_path_factory.getbasetemp()
    # Under xdist each process has its folder in the run's own.
    first = first_made(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own)
    return lambda to: copied(first, to)


@pytest.fixture(scope="session")
def template_database(postgres: RunningPostgres) -> str:
    """A migrated database to copy. Its owner is no superuser; app and readonly get passwords from the superuser."""
    with psycopg.connect(postgres.superuser_url(), autocommit=True) as connection:
        connection.execute(
            SQL("CREATE ROLE {} LOGIN CREATEROLE PASSWORD {}").format(Identifier(OWNER), Literal(PASSWORD))
        )
        connection.execute(SQL("CREATE DATABASE {} OWNER {}").format(Identifier(TEMPLATE), Identifier(OWNER)))
        asyncio.run(migrate(postgres.url(OWNER, PASSWORD, TEMPLATE)))
        for role in (APP, READONLY):
            connection.execute(SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(Identifier(role), Literal(PASSWORD)))
    return TEMPLATE


@pytest.fixture(scope="session")
def make_database(postgres: RunningPostgres, template_database: str) -> Iterator[Callable[[], DatabaseUrls]]:
    """Makes a migrated database at each call; all are dropped when the tests end. For what needs more than one."""
    numbers = count(1)
    with ExitStack() as made:
        yield lambda: made.enter_context(_database(postgres, f"vendorpay_made_{next(numbers)}", template_database))


@pytest.fixture
def database_urls(postgres: RunningPostgres, template_database: str) -> Iterator[DatabaseUrls]:
    """A fresh migrated database for one test."""
    with _database(postgres, "vendorpay_of_a_test", template_database) as urls:
        yield urls


@pytest.fixture(scope="module")
def module_database_urls(postgres: RunningPostgres, template_database: str) -> Iterator[DatabaseUrls]:
    """One migrated database for a whole module, whose tests roll back what they do."""
    with _database(postgres, "vendorpay_of_a_module", template_database) as urls:
        yield urls


@pytest.fixture
def empty_database_urls(postgres: RunningPostgres, template_database: str) -> Iterator[DatabaseUrls]:
    """A database in which no migration has run, on a server that has the roles."""
    with _database(postgres, "vendorpay_empty", "template1") as urls:
        yield urls


@contextmanager
def _database(postgres: RunningPostgres, name: str, template: str) -> Iterator[DatabaseUrls]:
    with psycopg.connect(postgres.superuser_url(), autocommit=True) as connection:
        connection.execute(
            # Files of a template that nobody changes: to write their pages to the log first costs twice as much.
            SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY FILE_COPY").format(
                Identifier(name), Identifier(OWNER), Identifier(template)
            )
        )
        try:
            yield DatabaseUrls(
                name=name,
                owner=postgres.url(OWNER, PASSWORD, name),
                app=postgres.url(APP, PASSWORD, name),
                readonly=postgres.url(READONLY, PASSWORD, name),
                superuser=postgres.superuser_url(name),
            )
        finally:
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))
