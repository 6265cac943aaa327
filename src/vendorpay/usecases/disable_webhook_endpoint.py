"""Disable a webhook endpoint that is gone, or that has failed for days: the service's own decision, put on record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from vendorpay.domain.roles import Caller, Role
from vendorpay.domain.webhooks import DisableReason, EndpointStatus
from vendorpay.usecases.change_endpoint import FeedCommand, changed, recorded, unchanged
from vendorpay.usecases.command import Facts, Outcome
from vendorpay.usecases.update_webhook_endpoint import disabled

RELAY: Final = "system:relay"
"""What the relay is called where it decides by itself."""


@dataclass(frozen=True, kw_only=True)
class DisableWebhookEndpoint(FeedCommand):
    """Nothing is sent there any more until somebody enables it; one that is off already stays as it is."""

    operation = "disable_webhook_endpoint"

    reason: DisableReason

    def decide(self, facts: Facts) -> Outcome:
        before = self.found(facts)
        if before.endpoint.status is not EndpointStatus.ENABLED:
            return unchanged(before)
        after, step = disabled(before, facts, self.reason, by=self.caller)
        return recorded(before, changed(after, facts), step)


def relay_of(org_id: str) -> Caller:
    """The relay as a caller."""
    return Caller(sub=RELAY, role=Role.SERVICE, org_id=org_id)
