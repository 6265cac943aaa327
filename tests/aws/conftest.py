"""Functions as processes of their own, on a real database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Final

import pytest

from tests.aws.moto_server import MotoServer, moto_server
from tests.aws.runtime_api import LambdaFunction
from tests.database import DatabaseUrls
from vendorpay.entrypoints.aws.functions import DatabaseRole, function

POOL: Final = "eu-central-1_Tested000"
CLIENT: Final = "3n4b5urk1ft4fl3mg5e62d9ado"
ISSUER: Final = f"https://cognito-idp.eu-central-1.amazonaws.com/{POOL}"
IDENTITY: Final[Mapping[str, str]] = {"COGNITO_USER_POOL_ID": POOL, "COGNITO_CLIENT_IDS": CLIENT}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A deploy beside an old version cannot be tried where there is none: a dot among hundreds would not tell."""
    for report in terminalreporter.stats.get("skipped", ()):
        if "test_rolling_deploy" in report.nodeid:
            _, _, why = report.longrepr
            terminalreporter.write_line(f"NOT TESTED: {report.nodeid}: {why}", red=True, bold=True)


StartFunction = Callable[..., LambdaFunction]
"""`start_function(row's name, frozen_between=.., SETTING=..)`: the function, on the test's database."""


def environment_of(name: str, urls: DatabaseUrls, **settings: str) -> dict[str, str]:
    """What a function of the table is told, to be on a test's database as its role."""
    url = {DatabaseRole.APP: urls.app, DatabaseRole.READONLY: urls.readonly, DatabaseRole.OWNER: urls.owner}
    told = {"VENDORPAY_FUNCTION": name, "VENDORPAY_DATABASE_URL": url[function(name).role], **IDENTITY}
    # Without a pump nobody would score what waits for it.
    return {**told, "VENDORPAY_FRAUD_PROVIDER": "off", **settings}


@pytest.fixture(scope="session")
def moto_of_this_process() -> Iterator[MotoServer]:
    """To start one costs more CPU than most tests, so that all modules share one for each process that runs tests."""
    with moto_server() as server:
        yield server


@pytest.fixture(scope="module")
def moto(moto_of_this_process: MotoServer) -> MotoServer:
    """The server, in which a module finds nothing of the one before it."""
    moto_of_this_process.empty()
    return moto_of_this_process


@pytest.fixture
def start_function(database_urls: DatabaseUrls) -> Iterator[StartFunction]:
    """Starts functions that end with the test; each process starts at its first invocation."""
    with ExitStack() as stack:

        def start(name: str, *, frozen_between: bool = False, **settings: str) -> LambdaFunction:
            environment = environment_of(name, database_urls, **settings)
            made = LambdaFunction(function(name).handler, environment, frozen_between=frozen_between)
            return stack.enter_context(made)

        yield start
