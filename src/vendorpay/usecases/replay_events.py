"""Replay events to a webhook endpoint: everything after a position is put in line again, a batch at a time.

While that goes on nothing is sent there: else a newer event could overtake an older one of the same payment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from vendorpay.domain.audit import AuditAction
from vendorpay.domain.webhook_events import WebhookEndpointUpdated
from vendorpay.domain.webhooks import replay_after
from vendorpay.store import webhooks
from vendorpay.usecases.change_endpoint import FeedCommand, Step, changed, check_position, recorded, unchanged
from vendorpay.usecases.command import Facts, Outcome
from vendorpay.usecases.deps import Deps

BATCH_MAX: Final = 1_000
"""How many positions one transaction goes on."""
ENDPOINTS_MAX: Final = 100
"""How many endpoints one step looks after."""


@dataclass(frozen=True, kw_only=True)
class ReplayEvents(FeedCommand):
    """Somebody wants everything after a position once more, what they have already included."""

    operation = "replay_events"

    from_position: int

    def decide(self, facts: Facts) -> Outcome:
        before = self.found(facts)
        check_position(self.from_position, facts)
        assert facts.feed is not None, "it holds the feed"
        replay = replay_after(self.from_position, facts.feed, before.replay, again=True)
        if replay is None:
            return unchanged(before)
        after = changed(msgspec.structs.replace(before, replay=replay), facts)
        own = {"changes": ("replay",), "updated_by": self.caller.sub}
        return recorded(
            before, after, Step(action=AuditAction.WEBHOOK_REPLAY_REQUESTED, kind=WebhookEndpointUpdated, own=own)
        )


async def step(deps: Deps) -> bool:
    """Puts the next events in line, for every enabled endpoint that has some to be replayed; whether more are left.

    Every process may do this at any time: whoever has the row of a subscription does it, the others pass on.
    """
    async with deps.database.reading() as connection:
        wanting = await webhooks.replaying(connection, limit=ENDPOINTS_MAX)
    more = False
    for org_id, endpoint_id in wanting:
        async with deps.database.reading() as connection:
            more |= await webhooks.replay(connection, org_id, endpoint_id, limit=BATCH_MAX)
    return more
