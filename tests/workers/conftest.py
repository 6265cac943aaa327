"""A service without its HTTP edge, on a fresh database, for what works in its background."""

from collections.abc import AsyncIterator

import pytest

from tests.database import DatabaseUrls
from tests.usecases.world import World, open_world
from tests.workers.webhook_office import Office, open_office
from vendorpay.adapters.local_issuer import LocalIssuer


@pytest.fixture
async def world(database_urls: DatabaseUrls, anyio_backend: str) -> AsyncIterator[World]:
    """One process whose payments need one approval."""
    async with open_world(database_urls) as opened:
        yield opened


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> LocalIssuer:
    return LocalIssuer.open(tmp_path_factory.mktemp("issuer"))


@pytest.fixture
async def office(database_urls: DatabaseUrls, issuer: LocalIssuer, anyio_backend: str) -> AsyncIterator[Office]:
    """Everything at work, with a receiver outside."""
    async with open_office(database_urls, issuer) as opened:
        yield opened
