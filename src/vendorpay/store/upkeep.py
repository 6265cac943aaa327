"""What upkeep asks of the database; every moment in it is the database's own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vendorpay.store import queries
from vendorpay.store.db import Connection, rows


async def take_turn(connection: Connection) -> bool:
    """Whether this transaction alone does upkeep now."""
    return bool((await _row(connection, "take_turn"))["obtained"])


async def months_left(connection: Connection) -> tuple[datetime, int]:
    """The database's time, and for how many whole months from then on rows can be written."""
    found = await _row(connection, "months_left")
    return found["now"], int(found["months_left"])


async def delete_commands(connection: Connection, most: int) -> int:
    """Deletes commands older than 30 days, the oldest first; how many."""
    return int((await _row(connection, "delete_commands", most=most))["deleted"])


async def delete_deliveries(connection: Connection, kind: str, *, days: int, most: int) -> int:
    """Deletes deliveries of a kind of subscription that were settled so many days ago; how many."""
    return int((await _row(connection, "delete_deliveries", kind=kind, days=days, most=most))["deleted"])


async def _row(connection: Connection, name: str, **parameters: Any) -> Mapping[str, Any]:
    return (await rows(connection, queries.load("upkeep.sql")[name], parameters))[0]
