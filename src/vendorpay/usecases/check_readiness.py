"""Readiness: can this process do its work now? Its own dependencies only, and cheap (origin 24)."""

from __future__ import annotations

from typing import Final

import msgspec

from vendorpay.domain.errors import VendorPayError
from vendorpay.store import readiness
from vendorpay.usecases.deps import Deps

PARTITION_MONTHS_MIN: Final = 2


class Readiness(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`checks` says for each dependency `ok` or what is wrong."""

    ready: bool
    checks: dict[str, str]


async def check(deps: Deps) -> Readiness:
    """Looks at the database: reachable, migrated, with partitions for the months to come."""
    try:
        async with deps.database.reading() as connection:
            found = await readiness.look(connection, deps.now())
    except VendorPayError as error:
        return Readiness(ready=False, checks={"database": str(error)})
    checks = {
        "database": "ok",
        "schema": "ok" if found.schema_current else "migrations are missing: run `vendorpay db migrate`",
        "partitions": "ok"
        if found.months_left >= PARTITION_MONTHS_MIN
        else f"only {found.months_left} month(s) ahead have a partition: restart the service, which makes them",
    }
    return Readiness(ready=set(checks.values()) == {"ok"}, checks=checks)
