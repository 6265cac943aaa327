"""Holding up what the service writes, to be sure that something is under way at a certain moment."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

WAIT_S = 20.0
WAITING = """
    SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
    WHERE c.relname = 'payments' AND NOT l.granted"""


class Blocked:
    """While this lives, nobody writes a payment."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def wait_for_one(self) -> None:
        """Returns when somebody stands at the lock."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            found = self._connection.execute(WAITING).fetchone()
            if found and found[0]:
                return
            time.sleep(0.005)
        raise AssertionError("nobody came to write a payment")


@contextmanager
def writes_blocked(url: str) -> Iterator[Blocked]:
    """Readers pass, writers wait. Much shorter than the roles' lock_timeout, if you please."""
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE payments IN SHARE MODE")
        yield Blocked(connection)
        connection.rollback()
