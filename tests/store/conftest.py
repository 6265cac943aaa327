"""Connections to a module's database; what a test writes is rolled back."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.database import DatabaseUrls


@pytest.fixture
def app_connection(module_database_urls: DatabaseUrls) -> Iterator[Connection[TupleRow]]:
    yield from _rolled_back(module_database_urls.app)


@pytest.fixture
def owner_connection(module_database_urls: DatabaseUrls) -> Iterator[Connection[TupleRow]]:
    yield from _rolled_back(module_database_urls.owner)


@pytest.fixture
def readonly_connection(module_database_urls: DatabaseUrls) -> Iterator[Connection[TupleRow]]:
    yield from _rolled_back(module_database_urls.readonly)


def _rolled_back(url: str) -> Iterator[Connection[TupleRow]]:
    with psycopg.connect(url) as connection:
        yield connection
        connection.rollback()
