"""Read a payment's audit log."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import msgspec
from psycopg.rows import DictRow

from vendorpay.domain.errors import NotFound
from vendorpay.domain.roles import Caller
from vendorpay.store import audit_log
from vendorpay.usecases.deps import Deps


class AuditLine(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One entry as people read it; hashes in hexadecimal; `notes` null when there are none or they are erased."""

    log_id: UUID
    subject_type: str
    subject_id: UUID
    payment_id: UUID | None
    seq: int
    action: str
    actor_id: str
    actor_type: str
    previous_status: str | None
    new_status: str | None
    reason_code: str | None
    notes: str | None
    timestamp: datetime
    prev_hash: str
    hash: str


async def entries(deps: Deps, caller: Caller, payment_id: UUID) -> tuple[AuditLine, ...]:
    """The entries, oldest first. Raises NotFound for a payment that the caller's organisation does not have."""
    async with deps.database.reading() as connection:
        found = await audit_log.entries(connection, caller.scope().org_id, payment_id)
    if not found:
        raise NotFound(subject="payment", id=payment_id)
    return lines_of(found)


def lines_of(found: Iterable[DictRow]) -> tuple[AuditLine, ...]:
    """Entries from the store, as people read them."""
    return tuple(AuditLine(**{**row, "prev_hash": row["prev_hash"].hex(), "hash": row["hash"].hex()}) for row in found)
