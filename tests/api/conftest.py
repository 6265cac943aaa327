"""An app whose tokens are real, and whose commands end at a desk that a test can look at."""

import pytest

from tests.api.asking import Caller, Desk, opened
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
