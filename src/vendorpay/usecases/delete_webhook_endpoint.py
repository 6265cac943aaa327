"""Delete a webhook endpoint: it is told of nothing any more, and what waited for it is cancelled."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from vendorpay.domain.audit import AuditAction
from vendorpay.domain.webhook_events import WebhookEndpointDeleted
from vendorpay.domain.webhooks import EndpointStatus
from vendorpay.usecases.change_endpoint import FeedCommand, Step, changed, recorded
from vendorpay.usecases.command import Facts, Outcome


@dataclass(frozen=True, kw_only=True)
class DeleteWebhookEndpoint(FeedCommand):
    """Its row stays, for the record and for the log of its deliveries; its secrets end."""

    operation = "delete_webhook_endpoint"

    def decide(self, facts: Facts) -> Outcome:
        before = self.found(facts)
        ended = tuple(msgspec.structs.replace(one, expires_at=facts.now) for one in before.endpoint.secrets)
        off = msgspec.structs.replace(before, disabled_position=None, replay=None, deleted_at=facts.now)
        after = changed(off, facts, status=EndpointStatus.DELETED, disabled_reason=None, disabled_at=None, secrets=())
        step = Step(
            action=AuditAction.WEBHOOK_ENDPOINT_DELETED,
            kind=WebhookEndpointDeleted,
            own={"deleted_by": self.caller.sub},
        )
        return recorded(before, after, step, ended=ended, recovered=True)
