"""Signing keys and an issuer's HTTP server for the tests of tokens."""

from collections.abc import Iterator

import pytest

from tests.adapters.jwks_server import JwksServer
from tests.adapters.token_signing import Clock, Signer


@pytest.fixture(scope="session")
def signers() -> tuple[Signer, Signer, Signer]:
    return Signer("first"), Signer("second"), Signer("third")


@pytest.fixture
def signer(signers: tuple[Signer, Signer, Signer]) -> Signer:
    return signers[0]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server() -> Iterator[JwksServer]:
    with JwksServer() as running:
        yield running
