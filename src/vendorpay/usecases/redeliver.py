"""Redeliver an event to a webhook endpoint: once more from the first try on, whatever came of it before."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import msgspec

from vendorpay.domain.errors import NotFound
from vendorpay.domain.roles import Caller
from vendorpay.store import webhooks
from vendorpay.usecases.change_endpoint import EndpointCommand
from vendorpay.usecases.command import Done, Facts, Key, Outcome
from vendorpay.usecases.deps import Deps


class Redelivery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A delivery that waits to be made again. The event keeps its id: receivers see that they have it already."""

    delivery_id: UUID
    endpoint_id: UUID
    event_id: UUID
    state: str


@dataclass(frozen=True, kw_only=True)
class Redeliver(EndpointCommand):
    """Somebody wants it again. Nothing about the endpoint changes, so the command's row is all that is kept of it; of
    an endpoint that is disabled, it waits until that is enabled.
    """

    operation = "redeliver"

    delivery_id: UUID
    event_id: UUID

    def decide(self, facts: Facts) -> Outcome:
        self.found(facts)
        answer = Redelivery(
            delivery_id=self.delivery_id, endpoint_id=self.endpoint_id, event_id=self.event_id, state="pending"
        )
        return Outcome(answer=msgspec.json.encode(answer), payment_id=None, redelivered=self.delivery_id)


async def redeliver(deps: Deps, caller: Caller, delivery_id: UUID, key: Key | None) -> Done:
    """The delivery as it is then, due at once; later events of its payment may have been delivered before.

    Raises NotFound for one of a deleted endpoint, or another organisation's.
    """
    async with deps.database.reading() as connection:
        found = await webhooks.delivery(connection, caller.scope().org_id, delivery_id)
    if found is None:
        raise NotFound(subject="webhook delivery", id=delivery_id)
    command = Redeliver(
        command_id=deps.new_id(deps.now()),
        caller=caller,
        key=key,
        endpoint_id=found["endpoint_id"],
        delivery_id=delivery_id,
        event_id=found["event_id"],
    )
    return await deps.commands.submit(command)
