"""Read one payment."""

from __future__ import annotations

from uuid import UUID

from vendorpay.domain.errors import NotFound
from vendorpay.domain.payment import Payment
from vendorpay.domain.roles import Caller
from vendorpay.store import read_payments
from vendorpay.usecases.deps import Deps


async def get(deps: Deps, caller: Caller, payment_id: UUID) -> Payment:
    """The payment, when the caller may see it; else raises NotFound, whether it exists or not."""
    found = await deps.payments.by_id(caller.scope(), payment_id)
    if found is None:
        raise NotFound(subject="payment", id=payment_id)
    return found


async def newest_for_incident(deps: Deps, caller: Caller, incident_id: UUID) -> Payment:
    """The incident's newest live payment, else its newest; raises NotFound when the caller may see none."""
    async with deps.database.reading() as connection:
        found = await read_payments.newest_for_incident(connection, caller.scope(), incident_id)
    if found is None:
        raise NotFound(subject="payment for incident", id=incident_id)
    return found
