"""What people told the scorer, read for people."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from vendorpay.domain.fraud_listing import Listing
from vendorpay.domain.fraud_rule_sets import StoredRuleSet
from vendorpay.store import queries
from vendorpay.store.db import Connection, rows
from vendorpay.store.fraud_setting_rows import listing_of, rule_set_of

_FILE: Final = "fraud_settings.sql"


async def listings(
    connection: Connection, org_id: str, *, vendor_id: UUID | None, after: UUID, limit: int
) -> list[Listing]:
    """Listings, oldest first."""
    parameters = {"org_id": org_id, "vendor_id": vendor_id, "after": after, "limit": limit}
    return [listing_of(row) for row in await rows(connection, _sql("listings"), parameters)]


async def has_version(connection: Connection, org_id: str, version: str) -> bool:
    """Whether there is a rule set of that version."""
    return bool(await rows(connection, _sql("has_version"), {"org_id": org_id, "version": version}))


async def rule_sets(connection: Connection, org_id: str, *, before: UUID, limit: int) -> list[StoredRuleSet]:
    """Rule sets, newest first."""
    found = await rows(connection, _sql("rule_sets"), {"org_id": org_id, "before": before, "limit": limit})
    return [rule_set_of(row) for row in found]


def _sql(name: str) -> str:
    return queries.load(_FILE)[name]
