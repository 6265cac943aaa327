"""Approve many payments at once: each is approved or refused for itself, as one that comes alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from vendorpay.domain.roles import Caller
from vendorpay.usecases import once_scored
from vendorpay.usecases.approve_payment import ApprovePayment
from vendorpay.usecases.command import Key
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.in_bulk import ItemResult, TakeOn, item_key


@dataclass(frozen=True, kw_only=True)
class ApproveInBulk(ApprovePayment):
    """One approval of many; its key is not one that an approval alone could have."""

    operation = "approve_payments"


@dataclass(frozen=True, kw_only=True)
class TakeOnApproving(TakeOn):
    """A request to approve many."""

    operation = "take_on_approve_payments"


async def approve(
    deps: Deps, caller: Caller, payment_ids: Sequence[UUID], notes: str | None, key: Key | None
) -> list[ItemResult]:
    """What became of each, in the order of the ids, no two of which are the same.

    Keys and errors are those of `create_payments.create`.
    """
    if key is not None:
        await deps.commands.submit(TakeOnApproving(command_id=deps.new_id(deps.now()), caller=caller, key=key))
    commands = [
        ApproveInBulk(
            command_id=deps.new_id(deps.now()),
            caller=caller,
            key=item_key(key, n),
            payment_id=payment_id,
            notes=notes,
        )
        for n, payment_id in enumerate(payment_ids)
    ]
    return await once_scored.submit_many(deps.commands, commands)
