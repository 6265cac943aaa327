"""Create a webhook endpoint: from the next event on, somebody outside is told; from an earlier one when they ask."""

from __future__ import annotations

from dataclasses import dataclass

from vendorpay.domain.audit import AuditAction
from vendorpay.domain.errors import LimitExceeded
from vendorpay.domain.webhook_events import WebhookEndpointCreated
from vendorpay.domain.webhooks import (
    ENDPOINTS_MAX,
    EndpointState,
    EndpointStatus,
    LiveSecret,
    NewEndpoint,
    WebhookEndpoint,
    replay_after,
)
from vendorpay.store.claims import FeedClaim
from vendorpay.usecases.change_endpoint import Step, check_position, check_url, recorded
from vendorpay.usecases.command import Command, Facts, Outcome


@dataclass(frozen=True, kw_only=True)
class CreateWebhookEndpoint(Command):
    """Somebody wants to be told. What they verify deliveries with is made with the row, and is not in the answer."""

    operation = "create_webhook_endpoint"

    new: NewEndpoint
    to_private: bool = False

    def feed_claim(self) -> FeedClaim:
        return FeedClaim(self.caller.org_id)

    def decide(self, facts: Facts) -> Outcome:
        new, feed = self.new, facts.feed
        assert feed is not None, "it holds the feed"
        check_url(new.url, to_private=self.to_private)
        if new.from_position is not None:
            check_position(new.from_position, facts)
        if feed.endpoints >= ENDPOINTS_MAX:
            raise LimitExceeded(most=ENDPOINTS_MAX, things="webhook endpoints")
        state = EndpointState(
            endpoint=self._endpoint(facts),
            replay=None if new.from_position is None else replay_after(new.from_position, feed, None),
        )
        own = {"event_types": state.endpoint.event_types, "created_by": self.caller.sub}
        step = Step(action=AuditAction.WEBHOOK_ENDPOINT_CREATED, kind=WebhookEndpointCreated, own=own)
        return recorded(None, state, step, born=True, secret_id=state.endpoint.secrets[0].secret_id)

    def _endpoint(self, facts: Facts) -> WebhookEndpoint:
        return WebhookEndpoint(
            endpoint_id=facts.new_id(),
            org_id=self.caller.org_id,
            url=self.new.url,
            description=self.new.description,
            event_types=tuple(dict.fromkeys(self.new.event_types)),
            max_in_flight=self.new.max_in_flight,
            status=EndpointStatus.ENABLED,
            disabled_reason=None,
            disabled_at=None,
            secrets=(LiveSecret(secret_id=facts.new_id(), created_at=facts.now, expires_at=None),),
            version=1,
            created_by=self.caller.sub,
            created_at=facts.now,
            updated_at=facts.now,
        )
