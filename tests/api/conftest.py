"""Apps whose tokens are real: one hands its commands to a desk that tests can look at, one stands on a database."""

from collections.abc import AsyncIterator

import pytest

from tests.api.asking import Caller, Desk, opened
from tests.api.in_process import service_on
from tests.database import DatabaseUrls
from vendorpay.adapters.local_issuer import LocalIssuer


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> LocalIssuer:
    return LocalIssuer.open(tmp_path_factory.mktemp("issuer"))


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def caller(issuer: LocalIssuer, desk: Desk) -> Caller:
    return await opened(issuer, desk)


@pytest.fixture
async def service(issuer: LocalIssuer, database_urls: DatabaseUrls) -> AsyncIterator[Caller]:
    """The whole service but its web server: a database of its own, and group commit."""
    async with service_on(issuer, database_urls.app) as caller:
        yield caller
