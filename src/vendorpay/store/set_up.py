"""Setting up a server of our own: the database, the roles as logins, and the months to come."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from vendorpay.store.migrate import set_up_roles

OWNER: Final = "vendorpay_owner"
APP: Final = "vendorpay_app"
READONLY: Final = "vendorpay_readonly"
ROLES: Final = (OWNER, APP, READONLY)

PARTITION_MONTHS_AHEAD: Final = 24
PARTITION_TRIES_MAX: Final = 5


async def set_up_server(connection: psycopg.AsyncConnection, database: str, passwords: Mapping[str, str]) -> None:
    """As superuser: roles with their passwords, and the database; changes nothing that is right."""
    async with connection.transaction():
        await set_up_roles(connection)
        if not await _exists(connection, "SELECT FROM pg_roles WHERE rolname = %s", OWNER):
            await connection.execute(SQL("CREATE ROLE {}").format(Identifier(OWNER)))
        grant = SQL("GRANT {}, {} TO {} WITH ADMIN OPTION")
        await connection.execute(grant.format(Identifier(APP), Identifier(READONLY), Identifier(OWNER)))
        for role in ROLES:
            # The verifier is made here, so that the password is in no statement and in no log.
            verifier = connection.pgconn.encrypt_password(passwords[role].encode(), role.encode(), b"scram-sha-256")
            login = SQL("ALTER ROLE {} LOGIN PASSWORD {}")
            await connection.execute(login.format(Identifier(role), Literal(verifier.decode())))
    if not await _exists(connection, "SELECT FROM pg_database WHERE datname = %s", database):
        await connection.execute(SQL("CREATE DATABASE {} OWNER {}").format(Identifier(database), Identifier(OWNER)))
    await connection.execute(SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(Identifier(database)))
    allow = SQL("GRANT CONNECT ON DATABASE {} TO {}, {}")
    await connection.execute(allow.format(Identifier(database), Identifier(APP), Identifier(READONLY)))


async def ensure_partitions(connection: psycopg.AsyncConnection[Any], now: datetime) -> bool:
    """Partitions for the months ahead; False when writers kept the tables busy, and it has to be tried another time.

    Raises psycopg.errors.CheckViolation when `now` is far from the database's own time.
    """
    for _ in range(PARTITION_TRIES_MAX):
        try:
            await connection.execute("SELECT ensure_partitions(%s, %s)", (now, PARTITION_MONTHS_AHEAD))
        except psycopg.errors.LockNotAvailable:
            continue  # the function waits for a moment only, so that it never blocks writers for long
        return True
    return False


async def _exists(connection: psycopg.AsyncConnection, query: str, name: str) -> bool:
    return await (await connection.execute(query.encode(), (name,))).fetchone() is not None
