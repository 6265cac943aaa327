"""A data directory with a cluster in it for each test, and launchers that are cleaned up."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from tests.entrypoints.postgres_launchers import Launcher
from vendorpay.entrypoints import embedded_postgres


@pytest.fixture
def launch() -> Iterator[Callable[..., Launcher]]:
    """Starts a Launcher; ends it, and what it left, after the test."""
    launched: list[Launcher] = []

    def start(*args: object, **options: object) -> Launcher:
        launched.append(Launcher(*args, **options))  # type: ignore[arg-type]
        return launched[-1]

    yield start
    for launcher in launched:
        launcher.clean_up()


@pytest.fixture(scope="session")
def first_data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stopped cluster that holds one committed row."""
    data_dir = tmp_path_factory.mktemp("first")
    with (
        embedded_postgres.start(data_dir, fsync=False) as postgres,
        psycopg.connect(postgres.superuser_url(), autocommit=True) as connection,
    ):
        connection.execute("CREATE TABLE kept (word text)")
        connection.execute("INSERT INTO kept VALUES ('first')")
        # Two thirds of the files, which no test here needs, and every test copies.
        connection.execute("UPDATE pg_database SET datistemplate = false")
        for name in ("template0", "template1"):
            connection.execute(SQL("DROP DATABASE {}").format(Identifier(name)))
    return data_dir


@pytest.fixture
def data_dir(first_data_dir: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of the first one: copying is quicker than initdb."""
    yield shutil.copytree(first_data_dir, tmp_path / "data")
    shutil.rmtree(tmp_path, ignore_errors=True)  # pytest would keep the gigabytes of three runs.


@pytest.fixture
def public_dir() -> Iterator[Path]:
    """An empty directory that every user may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="vendorpay-test-", dir="/tmp", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)
