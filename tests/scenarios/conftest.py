"""The running service that scenarios share: on its own embedded PostgreSQL, and once more on the system's 15."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.scenarios.asking import Office, client_of
from tests.scenarios.serving import Serve, quick_home, serving
from vendorpay.entrypoints import embedded_postgres

POSTGRES_15 = Path("/usr/lib/postgresql/15/bin")


@pytest.fixture(scope="session", params=["embedded", "PostgreSQL 15"])
def serve(request: pytest.FixtureRequest) -> Iterator[Serve]:
    """A ready `vendorpay serve`; tests keep apart by asking in an organisation of their own."""
    with ExitStack() as stack:
        home = stack.enter_context(quick_home())
        url = stack.enter_context(_postgres_15(home)) if request.param == "PostgreSQL 15" else None
        yield stack.enter_context(serving(home, database_url=url))


@contextmanager
def _postgres_15(home: Path) -> Iterator[str]:
    if not (POSTGRES_15 / "postgres").exists():
        pytest.skip("PostgreSQL 15 is not installed on this machine; these scenarios ran on the embedded one")
    with embedded_postgres.start(home / "fifteen", bin_dir=POSTGRES_15, fsync=False) as postgres:
        assert postgres.major == 15
        with psycopg.connect(postgres.superuser_url(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE vendorpay")
        yield postgres.superuser_url("vendorpay")


@pytest.fixture
def client(serve: Serve) -> Iterator[httpx.Client]:
    with client_of(serve) as opened:
        yield opened


@pytest.fixture
def office(serve: Serve, client: httpx.Client) -> Office:
    """A new organisation on the running service."""
    return Office(serve, client)
