"""What functions are told in tests, and a database that turns everybody away for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from tests.aws.moto_server import CREDENTIALS
from tests.database import DatabaseUrls

ORG = "roadcall"
BUS = "vendorpay-test"
BUCKET = "vendorpay-test-checkpoints"


def told(function: str, urls: DatabaseUrls, **more: str) -> dict[str, str]:
    """The variables of a function of the table, on a database of the tests; `more` wins."""
    return {
        **CREDENTIALS,
        "VENDORPAY_FUNCTION": function,
        "VENDORPAY_STAGE": "test",
        "VENDORPAY_DATABASE_URL": urls.app,
        "VENDORPAY_ORG": ORG,
        # What waits for a score could not be approved at once.
        "VENDORPAY_FRAUD_PROVIDER": "off",
        "EVENT_BUS_NAME": BUS,
        "VENDORPAY_CHECKPOINT_BUCKET": BUCKET,
        **more,
    }


def rows(urls: DatabaseUrls, statement: str, *parameters: Any) -> list[dict[str, Any]]:
    """What the tables hold, asked by a superuser."""
    with psycopg.connect(urls.superuser, row_factory=dict_row) as connection:
        cursor = connection.execute(statement.encode(), parameters)
        return [dict(row) for row in cursor.fetchall()] if cursor.description else []


def count(urls: DatabaseUrls, table: str) -> int:
    """How many rows a table has."""
    return int(rows(urls, f"SELECT count(*) AS n FROM {table}")[0]["n"])


@contextmanager
def away(urls: DatabaseUrls) -> Iterator[None]:
    """The database lets nobody in, and has thrown out whoever was there."""
    name = Identifier(urls.name)
    with psycopg.connect(urls.superuser.replace(f"/{urls.name}", "/postgres"), autocommit=True) as superuser:
        superuser.execute(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [urls.name])
        try:
            yield
        finally:
            superuser.execute(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))


@contextmanager
def writers_held_up(urls: DatabaseUrls) -> Iterator[None]:
    """Whoever writes payments waits until the block ends."""
    with psycopg.connect(urls.superuser) as superuser:
        superuser.execute("LOCK TABLE payments IN EXCLUSIVE MODE")
        yield
