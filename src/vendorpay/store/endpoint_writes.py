"""From a webhook endpoint to the rows of a batch."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import msgspec

from vendorpay.domain.webhooks import EndpointState, EndpointStatus, LiveSecret, WebhookEndpoint
from vendorpay.store.batch_writer import Rows


def add_new_endpoint(rows: Rows, state: EndpointState) -> None:
    """An endpoint's first row, and its subscription."""
    endpoint, chains = state.endpoint, state.chains
    rows.add(
        "endpoints",
        (
            *(endpoint.endpoint_id, endpoint.org_id, endpoint.url, endpoint.description, endpoint.max_in_flight),
            *(endpoint.digest, chains.audit_seq, chains.audit_head, chains.event_seq, endpoint.created_by),
            *(endpoint.created_at, endpoint.updated_at),
        ),
    )
    ids = (endpoint.endpoint_id, str(endpoint.endpoint_id), endpoint.org_id)
    rows.add("subscriptions", (*ids, *_subscription(state), endpoint.created_at))


def add_changed_endpoint(rows: Rows, state: EndpointState) -> None:
    """An endpoint's row as it is now, and its subscription."""
    endpoint, chains = state.endpoint, state.chains
    rows.add(
        "endpoint_changes",
        (
            *(endpoint.endpoint_id, endpoint.org_id, endpoint.url, endpoint.description, endpoint.max_in_flight),
            *(endpoint.status.value, endpoint.disabled_reason and endpoint.disabled_reason.value),
            *(endpoint.disabled_at, state.disabled_position, state.deleted_at, endpoint.digest, endpoint.version),
            *(chains.audit_seq, chains.audit_head, chains.event_seq, endpoint.updated_at),
        ),
    )
    active = endpoint.status is EndpointStatus.ENABLED
    rows.add("subscription_changes", (endpoint.endpoint_id, endpoint.org_id, active, *_subscription(state)))


def _subscription(state: EndpointState) -> tuple[str, int | None, int | None, bool]:
    types, replay = msgspec.json.encode(state.endpoint.event_types).decode(), state.replay
    return (types, None, None, False) if replay is None else (types, replay.after, replay.until, replay.again)


def add_recovery(rows: Rows, endpoint: WebhookEndpoint) -> None:
    """The failures of an endpoint are forgotten."""
    rows.add("recoveries", (endpoint.endpoint_id, endpoint.org_id))


def add_secret(rows: Rows, endpoint: WebhookEndpoint, secret_id: UUID, secret: bytes, now: datetime) -> None:
    """A secret that signs from now on, until another takes its place."""
    rows.add("secrets", (secret_id, endpoint.org_id, endpoint.endpoint_id, secret, now))


def add_ended_secrets(rows: Rows, endpoint: WebhookEndpoint, ended: Iterable[LiveSecret]) -> None:
    """Secrets that sign until `expires_at` and not any longer."""
    for secret in ended:
        rows.add("secret_ends", (secret.secret_id, endpoint.org_id, secret.expires_at))


def add_redelivery(rows: Rows, org_id: str, delivery_id: UUID) -> None:
    """A delivery that is to be made once more, whatever came of it; one that waits is left as it is."""
    rows.add("redeliveries", (org_id, delivery_id))
