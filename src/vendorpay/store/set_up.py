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
RDS_IAM: Final = "rds_iam"
"""The role whose members RDS lets in by a signature of AWS."""

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
            await let_in(connection, role, passwords[role])
    if not await _exists(connection, "SELECT FROM pg_database WHERE datname = %s", database):
        await connection.execute(SQL("CREATE DATABASE {} OWNER {}").format(Identifier(database), Identifier(OWNER)))
    await close_to_others(connection, database)


async def close_to_others(connection: psycopg.AsyncConnection[Any], database: str) -> None:
    """Leaves the database to its owner and our two roles; for its owner, or a superuser."""
    await connection.execute(SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(Identifier(database)))
    allow = SQL("GRANT CONNECT ON DATABASE {} TO {}, {}")
    await connection.execute(allow.format(Identifier(database), Identifier(APP), Identifier(READONLY)))


async def let_in(connection: psycopg.AsyncConnection[Any], role: str, password: str | None) -> None:
    """Makes a role a login with that password; None for one that AWS signs (rds_iam), where the server knows that."""
    if password is None:
        await connection.execute(SQL("ALTER ROLE {} LOGIN").format(Identifier(role)))
        if await _exists(connection, "SELECT FROM pg_roles WHERE rolname = %s", RDS_IAM):
            await connection.execute(SQL("GRANT {} TO {}").format(Identifier(RDS_IAM), Identifier(role)))
        return
    # The verifier is made here, so that the password is in no statement and in no log.
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    login = SQL("ALTER ROLE {} LOGIN PASSWORD {}")
    await connection.execute(login.format(Identifier(role), Literal(verifier.decode())))


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


async def _exists(connection: psycopg.AsyncConnection[Any], query: str, name: str) -> bool:
    return await (await connection.execute(query.encode(), (name,))).fetchone() is not None
