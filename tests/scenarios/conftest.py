"""The running service that scenarios share: on its own embedded PostgreSQL, once more on the system's 15; and with
`--on-aws` on functions, a gateway and queues instead, as AWS has them.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import cast

import httpx
import psycopg
import pytest

from tests.faults.dying import SOAK
from tests.scenarios.asking import Office, client_of
from tests.scenarios.serving import Serve, quick_home, serving
from vendorpay.entrypoints import embedded_postgres

ON_BOTH = {"test_gate", "test_seed_examples"}
"""What runs on PostgreSQL 15 in every run of the tests; all of it does in a soak."""
POSTGRES_15 = Path("/usr/lib/postgresql/15/bin")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every scenario runs in the modes that were asked for."""
    marks = metafunc.definition.iter_markers("parametrize")
    chosen = hasattr(metafunc.module, "serve") or any(mark.args[0] == "serve" for mark in marks)
    if "serve" in metafunc.fixturenames and not chosen:
        everywhere = SOAK or metafunc.module.__name__.rpartition(".")[2] in ON_BOTH
        laptop = ["embedded", "PostgreSQL 15"] if everywhere else ["embedded"]
        modes = ["AWS"] if metafunc.config.getoption("--on-aws") else laptop
        metafunc.parametrize("serve", modes, indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is about processes, sockets or settings of `serve` has nothing to say of AWS."""
    if not config.getoption("--on-aws"):
        return
    here = Path(__file__).parent
    left_out = [
        item
        for item in items
        if item.path.parent == here
        and ("serve" not in getattr(item, "fixturenames", ()) or item.get_closest_marker("of_serve"))
    ]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def serve(request: pytest.FixtureRequest) -> Iterator[Serve]:
    """A ready `vendorpay serve`; tests keep apart by asking in an organisation of their own."""
    with ExitStack() as stack:
        home = stack.enter_context(quick_home())
        if request.param == "AWS":
            from tests.aws.stage.stage import stage

            # The same as far as scenarios of both modes look at it: url, token, books_url.
            yield cast(Serve, stack.enter_context(stage(home)))
            return
        url = stack.enter_context(_postgres_15(home)) if request.param == "PostgreSQL 15" else None
        yield stack.enter_context(serving(home, database_url=url, scoring=True))


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
