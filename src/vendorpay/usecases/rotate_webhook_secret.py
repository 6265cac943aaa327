"""Rotate a webhook endpoint's secret: a new one signs from now on, besides the older ones for a while."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from vendorpay.domain.audit import AuditAction
from vendorpay.domain.webhook_events import WebhookEndpointUpdated
from vendorpay.domain.webhooks import SECRET_OVERLAP_H, SECRETS_LIVE_MAX, LiveSecret
from vendorpay.usecases.change_endpoint import EndpointCommand, Step, changed, recorded
from vendorpay.usecases.command import Facts, Outcome


@dataclass(frozen=True, kw_only=True)
class RotateWebhookSecret(EndpointCommand):
    """The older secrets are good for so many hours more, 0 for those that somebody else has got hold of."""

    operation = "rotate_webhook_secret"

    expires_in_h: int = SECRET_OVERLAP_H

    def decide(self, facts: Facts) -> Outcome:
        before = self.found(facts)
        until = facts.now + timedelta(hours=self.expires_in_h)
        new = LiveSecret(secret_id=facts.new_id(), created_at=facts.now, expires_at=None)
        older = before.endpoint.secrets
        ended = tuple(_ended(older, until, facts.now))
        by_id = {one.secret_id: one for one in (*older, *ended)}
        live = tuple(one for one in by_id.values() if one.expires_at is not None and one.expires_at > facts.now)
        after = changed(before, facts, secrets=(new, *live))
        own = {"changes": ("secrets",), "updated_by": self.caller.sub}
        step = Step(action=AuditAction.WEBHOOK_SECRET_ROTATED, kind=WebhookEndpointUpdated, own=own)
        return recorded(before, after, step, secret_id=new.secret_id, ended=ended)


def _ended(older: tuple[LiveSecret, ...], until: datetime, now: datetime) -> Iterator[LiveSecret]:
    """Those of the older secrets, newest first, that end sooner than they did; of too many, the oldest end now."""
    for number, one in enumerate(older, start=2):
        end = until if number <= SECRETS_LIVE_MAX else now
        if one.expires_at is None or end < one.expires_at:
            yield msgspec.structs.replace(one, expires_at=end)
