"""What the decisions about webhook endpoints have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from vendorpay.domain.audit import AuditAction, NewEntry
from vendorpay.domain.errors import FieldFault, InvalidRequest, NotFound, PreconditionFailed
from vendorpay.domain.events import EventDraft
from vendorpay.domain.webhook_events import EndpointEvent
from vendorpay.domain.webhook_urls import url_fault
from vendorpay.domain.webhooks import EndpointState, EndpointStatus, LiveSecret, WebhookEndpoint
from vendorpay.store.claims import FeedClaim
from vendorpay.store.subjects import EndpointClaim
from vendorpay.usecases.command import Command, Facts, Outcome
from vendorpay.usecases.endpoint_change import EndpointChange


@dataclass(frozen=True, kw_only=True)
class EndpointCommand(Command):
    """A command about one endpoint, whose row it locks, with that of its subscription."""

    endpoint_id: UUID
    versions: frozenset[int] | None = None
    """The versions that the caller knows it by (If-Match); None when any will do."""

    def subject_claim(self) -> EndpointClaim:
        return EndpointClaim(self.caller.org_id, self.endpoint_id)

    def found(self, facts: Facts) -> EndpointState:
        """The endpoint as it is, its rows locked. Raises NotFound, and PreconditionFailed for another version."""
        state = facts.endpoint
        if state is None or state.endpoint.status is EndpointStatus.DELETED:
            raise NotFound(subject="webhook endpoint", id=self.endpoint_id)
        version = state.endpoint.version
        if self.versions is not None and version not in self.versions:
            raise PreconditionFailed(version=version)
        live = live_secrets(state.endpoint, facts)
        return msgspec.structs.replace(state, endpoint=msgspec.structs.replace(state.endpoint, secrets=live))


@dataclass(frozen=True, kw_only=True)
class FeedCommand(EndpointCommand):
    """One that changes who is told of what, and so holds the feed still."""

    def feed_claim(self) -> FeedClaim:
        return FeedClaim(self.caller.org_id)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that happened to an endpoint: an audit entry and its event."""

    action: AuditAction
    kind: type[EndpointEvent]
    own: Mapping[str, Any]
    reason_code: str | None = None


def live_secrets(endpoint: WebhookEndpoint, facts: Facts) -> tuple[LiveSecret, ...]:
    """Those that sign at this moment, the newest first."""
    return tuple(one for one in endpoint.secrets if one.expires_at is None or one.expires_at > facts.now)


def changed(state: EndpointState, facts: Facts, **fields: Any) -> EndpointState:
    """The state after an update, one version on."""
    endpoint = msgspec.structs.replace(
        state.endpoint, version=state.endpoint.version + 1, updated_at=facts.now, **fields
    )
    return msgspec.structs.replace(state, endpoint=endpoint)


def recorded(before: EndpointState | None, after: EndpointState, *steps: Step, **of_change: Any) -> Outcome:
    """The outcome: an audit entry and an event for each step, and the endpoint as the answer. `of_change` says what
    else an EndpointChange holds.
    """
    endpoint = after.endpoint
    previous = None if before is None else before.endpoint.status.value
    entries = []
    for step in steps:
        entry = NewEntry(
            action=step.action,
            previous_status=previous,
            new_status=endpoint.status.value,
            content_digest=endpoint.digest,
            reason_code=step.reason_code,
        )
        entries.append(entry)
        previous = endpoint.status.value
    events = tuple(EventDraft(kind=step.kind, own=step.own) for step in steps)
    change = EndpointChange(state=after, entries=tuple(entries), events=events, **of_change)
    return Outcome(answer=msgspec.json.encode(endpoint), payment_id=None, change=change)


def unchanged(state: EndpointState) -> Outcome:
    """The outcome of a wish that is fulfilled already."""
    return Outcome(answer=msgspec.json.encode(state.endpoint), payment_id=None)


def check_url(url: str, *, to_private: bool) -> None:
    """Passes when a webhook may be sent there; else raises InvalidRequest."""
    if (words := url_fault(url, to_private=to_private)) is not None:
        raise InvalidRequest([FieldFault("url", words)])


def check_position(position: int, facts: Facts) -> None:
    """Passes when the feed has come that far; else raises InvalidRequest."""
    assert facts.feed is not None, "a command about positions holds the feed"
    if position > facts.feed.last_position:
        words = f"is beyond the last position of the feed, {facts.feed.last_position}"
        raise InvalidRequest([FieldFault("fromPosition", words)])
