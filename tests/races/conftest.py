"""Two processes of the service on one database."""

from collections.abc import AsyncIterator

import pytest

from tests.database import DatabaseUrls
from tests.usecases.world import World, open_world
from vendorpay.adapters.embedded_fraud import EmbeddedFraud

WAIT_S_MAX = 60.0
"""A hundred commands of one payment are as many transactions one after the other, and no race is about the wait."""


@pytest.fixture
async def worlds(database_urls: DatabaseUrls, anyio_backend: str) -> AsyncIterator[tuple[World, World]]:
    """Each with its own pool and its own group commit; they know nothing of each other."""
    async with (
        open_world(database_urls, wait_s_max=WAIT_S_MAX) as one,
        open_world(database_urls, wait_s_max=WAIT_S_MAX) as two,
    ):
        yield one, two


@pytest.fixture
async def strict_worlds(database_urls: DatabaseUrls, anyio_backend: str) -> AsyncIterator[tuple[World, World]]:
    """The same, where a payment needs three approvals."""
    async with (
        open_world(database_urls, wait_s_max=WAIT_S_MAX, required_approvals=3) as one,
        open_world(database_urls, wait_s_max=WAIT_S_MAX, required_approvals=3) as two,
    ):
        yield one, two


@pytest.fixture
async def ruled_worlds(database_urls: DatabaseUrls, anyio_backend: str) -> AsyncIterator[tuple[World, World]]:
    """The same under approval policies: the default one (above 10,000.00 two people, one of them an admin), until
    another is activated."""
    async with (
        open_world(database_urls, wait_s_max=WAIT_S_MAX, by_policy=True) as one,
        open_world(database_urls, wait_s_max=WAIT_S_MAX, by_policy=True) as two,
    ):
        yield one, two


@pytest.fixture
async def gated_worlds(database_urls: DatabaseUrls, anyio_backend: str) -> AsyncIterator[tuple[World, World]]:
    """The same, where each payment waits for its fraud score too."""
    async with (
        open_world(database_urls, wait_s_max=WAIT_S_MAX, by_policy=True, fraud_provider=EmbeddedFraud()) as one,
        open_world(database_urls, wait_s_max=WAIT_S_MAX, by_policy=True, fraud_provider=EmbeddedFraud()) as two,
    ):
        yield one, two
