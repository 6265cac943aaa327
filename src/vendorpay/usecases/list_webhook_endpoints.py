"""List webhook endpoints, and read one: how it is set up, how it fares, what is still to be put in line for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from vendorpay.domain.errors import NotFound
from vendorpay.domain.roles import Caller
from vendorpay.domain.webhook_signature import shown_secret
from vendorpay.domain.webhooks import ENDPOINTS_MAX, LiveSecret, Replay, WebhookEndpoint
from vendorpay.store import webhooks
from vendorpay.usecases.deps import Deps


class EndpointView(WebhookEndpoint, frozen=True, kw_only=True, rename="camel"):
    """An endpoint and how it fares. `failingSince` is the first of the tries that failed without one between them that
    did not; `replay` are the events that are still to be put in line before anything else is sent. `pending` counts
    what waits in line up to 1,001, which stands for more than a thousand; `oldestPendingAt` is when the oldest of it
    was put there, `lastError` what kept the oldest that was tried from arriving.
    """

    failing_since: datetime | None
    pending: int
    oldest_pending_at: datetime | None
    last_error: str | None
    replay: Replay | None


async def endpoints(deps: Deps, caller: Caller) -> Sequence[EndpointView]:
    """All of the organisation's, oldest first; there are few."""
    async with deps.database.reading() as connection:
        found = await webhooks.endpoints(connection, caller.scope().org_id, limit=ENDPOINTS_MAX)
    return [_seen(one, deps.now()) for one in found]


async def get(deps: Deps, caller: Caller, endpoint_id: UUID) -> EndpointView:
    """One endpoint; raises NotFound for one that is deleted, or another organisation's."""
    async with deps.database.reading() as connection:
        found = await webhooks.endpoint(connection, caller.scope().org_id, endpoint_id)
    if found is None:
        raise NotFound(subject="webhook endpoint", id=endpoint_id)
    return _seen(found, deps.now())


async def secret(deps: Deps, caller: Caller, secret_id: UUID) -> str | None:
    """A secret to be shown to whoever has just asked for it; None once it signs no more and was forgotten."""
    async with deps.database.reading() as connection:
        found = await webhooks.secret(connection, caller.scope().org_id, secret_id)
    return None if found is None else shown_secret(found)


def _seen(found: webhooks.Standing, now: datetime) -> EndpointView:
    endpoint = found.state.endpoint
    live: tuple[LiveSecret, ...] = tuple(
        one for one in endpoint.secrets if one.expires_at is None or one.expires_at > now
    )
    facts = {**msgspec.structs.asdict(endpoint), "secrets": live}
    return EndpointView(
        **facts,
        failing_since=found.failing_since,
        pending=found.pending,
        oldest_pending_at=found.oldest_pending_at,
        last_error=found.last_error,
        replay=found.state.replay,
    )
