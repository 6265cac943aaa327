"""The events about webhook endpoints. None holds a secret, a URL (which may hold one) or anybody's words."""

from __future__ import annotations

from uuid import UUID

from vendorpay.domain.events import PublishedEvent


class EndpointEvent(PublishedEvent, frozen=True, kw_only=True, rename="camel"):
    """What the detail of every event about a webhook endpoint has."""

    endpoint_id: UUID


class WebhookEndpointCreated(EndpointEvent, frozen=True, kw_only=True, rename="camel"):
    """Somebody outside is told of events from now on; no event types means all of them."""

    event_types: tuple[str, ...]
    created_by: str


class WebhookEndpointUpdated(EndpointEvent, frozen=True, kw_only=True, rename="camel"):
    """Something about an endpoint changed; `changes` names the fields, or `secrets` or `replay`."""

    changes: tuple[str, ...]
    updated_by: str


class WebhookEndpointDisabled(EndpointEvent, frozen=True, kw_only=True, rename="camel"):
    """Nothing is sent there until somebody enables it: by request, because it is gone, or because it kept failing."""

    reason_code: str
    disabled_by: str


class WebhookEndpointEnabled(EndpointEvent, frozen=True, kw_only=True, rename="camel"):
    """It is told again, of everything that happened meanwhile first."""

    enabled_by: str


class WebhookEndpointDeleted(EndpointEvent, frozen=True, kw_only=True, rename="camel"):
    """It will not be told of anything any more."""

    deleted_by: str
