"""Update a webhook endpoint, disable it, or enable it again: what happened meanwhile is sent then, before all else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET

from vendorpay.domain.audit import AuditAction
from vendorpay.domain.errors import PreconditionRequired
from vendorpay.domain.roles import Caller
from vendorpay.domain.webhook_events import WebhookEndpointDisabled, WebhookEndpointEnabled, WebhookEndpointUpdated
from vendorpay.domain.webhooks import DisableReason, EndpointPatch, EndpointState, EndpointStatus, replay_after
from vendorpay.store import webhooks
from vendorpay.usecases.change_endpoint import FeedCommand, Step, changed, check_url, recorded, unchanged
from vendorpay.usecases.command import Done, Facts, Key, Outcome
from vendorpay.usecases.deps import Deps

_PLAIN = ("url", "event_types", "description", "max_in_flight")


@dataclass(frozen=True, kw_only=True)
class UpdateWebhookEndpoint(FeedCommand):
    """A change by somebody who knows which version they change."""

    operation = "update_webhook_endpoint"

    patch: EndpointPatch
    to_private: bool = False
    conditional: bool = True
    """Whether the caller said which version they saw, be it any."""
    waiting_after: int | None = None
    """The position before the first event that still waits to be sent, when it is to be enabled: those that failed
    are due at once then, and not when their next try would have been.
    """

    def decide(self, facts: Facts) -> Outcome:
        before = self.found(facts)
        if not self.conditional:
            raise PreconditionRequired
        fields = dict(_changes(self.patch, before))
        if "url" in fields:
            check_url(fields["url"], to_private=self.to_private)
        steps = []
        if fields:
            own = {"changes": tuple(map(_camel, fields)), "updated_by": self.caller.sub}
            steps.append(Step(action=AuditAction.WEBHOOK_ENDPOINT_UPDATED, kind=WebhookEndpointUpdated, own=own))
        wanted = before.endpoint.status if self.patch.status is UNSET else EndpointStatus(self.patch.status)
        after, enabling = before, False
        if wanted is not before.endpoint.status:
            enabling = wanted is EndpointStatus.ENABLED
            after, step = (
                enabled(before, facts, self.waiting_after, by=self.caller)
                if enabling
                else disabled(before, facts, DisableReason.REQUESTED, by=self.caller)
            )
            steps.append(step)
        if not steps:
            return unchanged(before)
        return recorded(before, changed(after, facts, **fields), *steps, recovered=enabling)


def _changes(patch: EndpointPatch, before: EndpointState) -> Iterator[tuple[str, Any]]:
    """What is to be another than it is."""
    for name in _PLAIN:
        wanted = getattr(patch, name)
        if name == "event_types" and wanted is not UNSET:
            wanted = tuple(dict.fromkeys(wanted))
        if wanted is not UNSET and wanted != getattr(before.endpoint, name):
            yield name, wanted


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


def disabled(state: EndpointState, facts: Facts, reason: DisableReason, *, by: Caller) -> tuple[EndpointState, Step]:
    """The endpoint switched off at the feed's last position, its version not yet counted on; and what is told of it."""
    assert facts.feed is not None, "it holds the feed"
    endpoint = msgspec.structs.replace(
        state.endpoint, status=EndpointStatus.DISABLED, disabled_reason=reason, disabled_at=facts.now
    )
    step = Step(
        action=AuditAction.WEBHOOK_ENDPOINT_DISABLED,
        kind=WebhookEndpointDisabled,
        own={"reason_code": reason.value, "disabled_by": by.sub},
        reason_code=reason.value,
    )
    off = msgspec.structs.replace(state, endpoint=endpoint, disabled_position=facts.feed.last_position)
    return off, step


def enabled(state: EndpointState, facts: Facts, waiting_after: int | None, *, by: Caller) -> tuple[EndpointState, Step]:
    """The endpoint switched on, with everything since it was switched off to be put in line."""
    assert facts.feed is not None, "it holds the feed"
    assert state.disabled_position is not None, "what is disabled remembers where"
    endpoint = msgspec.structs.replace(
        state.endpoint, status=EndpointStatus.ENABLED, disabled_reason=None, disabled_at=None
    )
    begin = state.disabled_position if waiting_after is None else min(state.disabled_position, waiting_after)
    on = msgspec.structs.replace(
        state, endpoint=endpoint, disabled_position=None, replay=replay_after(begin, facts.feed, state.replay)
    )
    step = Step(action=AuditAction.WEBHOOK_ENDPOINT_ENABLED, kind=WebhookEndpointEnabled, own={"enabled_by": by.sub})
    return on, step


async def update(
    deps: Deps,
    caller: Caller,
    endpoint_id: UUID,
    patch: EndpointPatch,
    key: Key | None,
    *,
    versions: frozenset[int] | None,
    conditional: bool,
) -> Done:
    """The endpoint as it is then. Raises NotFound, PreconditionRequired, PreconditionFailed, InvalidRequest."""
    waiting_after = None
    if patch.status == EndpointStatus.ENABLED:
        # A look beforehand is enough: nothing is put in line, and nothing is settled, while it is disabled.
        async with deps.database.reading() as connection:
            waiting_after = await webhooks.waiting_after(connection, caller.scope().org_id, endpoint_id)
    command = UpdateWebhookEndpoint(
        command_id=deps.new_id(deps.now()),
        caller=caller,
        key=key,
        endpoint_id=endpoint_id,
        versions=versions,
        patch=patch,
        to_private=deps.webhooks_to_private,
        conditional=conditional,
        waiting_after=waiting_after,
    )
    return await deps.commands.submit(command)
