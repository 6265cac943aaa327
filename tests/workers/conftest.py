"""A service without its HTTP edge, on a fresh database, for what works in its background."""

from collections.abc import AsyncIterator

import pytest

from tests.database import DatabaseUrls
from tests.usecases.world import World, open_world


@pytest.fixture
async def world(database_urls: DatabaseUrls, anyio_backend: str) -> AsyncIterator[World]:
    """One process whose payments need one approval."""
    async with open_world(database_urls) as opened:
        yield opened
