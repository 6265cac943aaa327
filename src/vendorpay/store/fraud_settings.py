"""What people told the scorer, read for people."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from vendorpay.domain.fraud_cases import CaseReason
from vendorpay.domain.fraud_listings import Listing, ListingKind
from vendorpay.store import queries
from vendorpay.store.db import Connection, rows

_FILE: Final = "fraud_settings.sql"
_document: Final = msgspec.json.Decoder(dict[str, Any])


class RuleSetRow(msgspec.Struct, frozen=True, kw_only=True):
    """A rule set; `mode` is what it is used for now."""

    rule_set_id: UUID
    version: str
    proposed_by: str
    proposed_at: datetime
    mode: str | None
    document: dict[str, Any]
    """Its JSON."""


async def listing(connection: Connection, org_id: str, listing_id: UUID) -> Listing | None:
    """One listing, ended or not."""
    found = await rows(connection, _sql("listing"), {"org_id": org_id, "listing_id": listing_id})
    return _listing(found[0]) if found else None


async def listings(
    connection: Connection, org_id: str, *, vendor_id: UUID | None, after: UUID, limit: int
) -> list[Listing]:
    """Listings, oldest first."""
    parameters = {"org_id": org_id, "vendor_id": vendor_id, "after": after, "limit": limit}
    return [_listing(row) for row in await rows(connection, _sql("listings"), parameters)]


async def has_version(connection: Connection, org_id: str, version: str) -> bool:
    """Whether there is a rule set of that version."""
    return bool(await rows(connection, _sql("has_version"), {"org_id": org_id, "version": version}))


async def rule_sets(connection: Connection, org_id: str, *, limit: int) -> list[RuleSetRow]:
    """Rule sets, newest first."""
    found = await rows(connection, _sql("rule_sets"), {"org_id": org_id, "limit": limit})
    return [RuleSetRow(**{**row, "document": _document.decode(row["document"])}) for row in found]


def _listing(row: dict[str, object]) -> Listing:
    made = {**row, "kind": ListingKind(str(row["kind"])), "reason_code": CaseReason(str(row["reason_code"]))}
    return Listing(**made)  # type: ignore[arg-type]  # the columns are named after its fields


def _sql(name: str) -> str:
    return queries.load(_FILE)[name]
