"""Apps whose tokens are real: one hands its commands to a desk that tests can look at, one stands on a database."""

from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from tests.api.asking import Caller, Desk, opened
from tests.database import DatabaseUrls
from vendorpay.adapters.local_issuer import LocalIssuer
from vendorpay.entrypoints.ids import new_id, new_salt, system_now
from vendorpay.store.db import Database
from vendorpay.usecases.carry_out import WritePath
from vendorpay.usecases.group_commit import GroupCommit


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
    async with (
        Database.open(database_urls.app, pool_size=4) as database,
        aclosing(
            GroupCommit(WritePath(database=database, now=system_now, new_id=new_id, new_salt=new_salt))
        ) as commands,
    ):
        commands.start()
        yield await opened(issuer, commands, database)
