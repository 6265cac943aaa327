"""Webhook endpoints and deliveries as the service shows them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from vendorpay.client.answers import Answered, Page


class LiveSecret(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A secret that deliveries are signed with, without the secret itself."""

    secret_id: UUID
    created_at: datetime
    expires_at: datetime | None


class WebhookEndpoint(Answered, frozen=True, kw_only=True, rename="camel"):
    """A subscriber of yours."""

    endpoint_id: UUID
    org_id: str
    url: str
    description: str | None
    event_types: tuple[str, ...]
    max_in_flight: int
    status: str
    disabled_reason: str | None
    disabled_at: datetime | None
    secrets: tuple[LiveSecret, ...]
    version: int
    created_by: str
    created_at: datetime
    updated_at: datetime


class EndpointWithSecret(WebhookEndpoint, frozen=True, kw_only=True, rename="camel"):
    """An endpoint with its newest secret, which is shown this once."""

    secret: str | None


class Replay(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The events that are still to be put in line: those after one position, up to another."""

    after: int
    until: int
    again: bool = False


class EndpointView(WebhookEndpoint, frozen=True, kw_only=True, rename="camel"):
    """An endpoint and how it fares; a `pending` of 1,001 stands for more than a thousand."""

    failing_since: datetime | None
    pending: int
    oldest_pending_at: datetime | None
    last_error: str | None
    replay: Replay | None


class EndpointList(Answered, frozen=True, kw_only=True, rename="camel"):
    """An organisation's endpoints, oldest first."""

    endpoints: tuple[EndpointView, ...]


class Attempt(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One try, with what was answered, or what kept an answer from coming."""

    attempt: int
    at: datetime
    duration_ms: int
    status: int | None
    error: str | None
    answer: str | None


class Delivery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One event on its way to one endpoint."""

    delivery_id: UUID
    event_id: UUID
    event_type: str
    position: int
    aggregate_id: UUID
    sequence: int
    state: str
    waits_for: UUID | None
    paused: bool
    due_at: datetime | None
    settled_at: datetime | None
    last_error: str | None
    created_at: datetime
    attempts: tuple[Attempt, ...]


class DeliveryPage(Page[Delivery], frozen=True, kw_only=True, rename="camel"):
    """One page of deliveries."""

    deliveries: tuple[Delivery, ...]
    next_cursor: str | None


class Redelivery(Answered, frozen=True, kw_only=True, rename="camel"):
    """A delivery that waits to be made again."""

    delivery_id: UUID
    endpoint_id: UUID
    event_id: UUID
    state: str
