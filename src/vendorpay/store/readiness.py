"""Whether the database can be worked with: asked by readiness, cheap."""

from __future__ import annotations

from datetime import datetime
from functools import cache

import msgspec
from psycopg import errors

from vendorpay.store import queries
from vendorpay.store.db import Connection, rows
from vendorpay.store.migrate import shipped


class DatabaseReadiness(msgspec.Struct, frozen=True, kw_only=True):
    """`months_left`: for how many whole months from now on rows can be written; `schema_current`: migrated."""

    months_left: int
    schema_current: bool


async def look(connection: Connection, now: datetime) -> DatabaseReadiness:
    """One statement, which a database that no migration has run in cannot answer."""
    try:
        found = await rows(connection, queries.load("readiness.sql")["readiness"], {"now": now})
    except (errors.UndefinedFunction, errors.UndefinedTable, errors.InsufficientPrivilege):
        return DatabaseReadiness(months_left=0, schema_current=False)
    current = found[0]["schema_version"] == _newest()
    return DatabaseReadiness(months_left=int(found[0]["months_left"]), schema_current=current)


@cache
def _newest() -> str:
    return shipped()[-1].name
