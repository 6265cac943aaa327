"""The service without its HTTP edge, on a fresh database for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.database import DatabaseUrls
from tests.usecases.world import World, open_world

TIMEOUTS = ("lock_timeout", "statement_timeout", "transaction_timeout", "idle_in_transaction_session_timeout")


@pytest.fixture
async def world(database_urls: DatabaseUrls, anyio_backend: str) -> AsyncIterator[World]:
    """One process whose payments need one approval."""
    async with open_world(database_urls) as opened:
        yield opened


@pytest.fixture
async def patient_world(database_urls: DatabaseUrls, anyio_backend: str) -> AsyncIterator[World]:
    """One process that waits for a lock longer than any test does: a client may choose that, as it may choose less."""
    options = "".join(f"%20-c%20{name}%3D60000" for name in TIMEOUTS)
    async with open_world(database_urls, app_url=f"{database_urls.app}&options={options}", patience_s=60.0) as opened:
        yield opened


@pytest.fixture
async def ruled_world(database_urls: DatabaseUrls, anyio_backend: str) -> AsyncIterator[World]:
    """One process whose payments have the rules of an approval policy: the default one, until another is activated."""
    async with open_world(database_urls, by_policy=True) as opened:
        yield opened


@pytest.fixture
async def strict_world(database_urls: DatabaseUrls, anyio_backend: str) -> AsyncIterator[World]:
    """One process whose payments need two approvals."""
    async with open_world(database_urls, required_approvals=2) as opened:
        yield opened
