"""Webhook endpoints for tests: made and changed by commands, their events numbered by the real sequencer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from tests.usecases.world import ADMIN, World
from vendorpay.domain.roles import Caller
from vendorpay.domain.webhooks import EndpointPatch, NewEndpoint, WebhookEndpoint
from vendorpay.usecases import update_webhook_endpoint
from vendorpay.usecases.command import Done, Key
from vendorpay.usecases.create_webhook_endpoint import CreateWebhookEndpoint
from vendorpay.usecases.delete_webhook_endpoint import DeleteWebhookEndpoint
from vendorpay.usecases.replay_events import ReplayEvents
from vendorpay.usecases.rotate_webhook_secret import RotateWebhookSecret

URL = "https://receiver.example/hooks"


def endpoint_in(done: Done) -> WebhookEndpoint:
    """The endpoint that an answer shows."""
    return msgspec.json.decode(done.answer, type=WebhookEndpoint)


def creation(world: World, *, by: Caller = ADMIN, key: Key | None = None, **fields: Any) -> CreateWebhookEndpoint:
    """A command that creates an endpoint."""
    return CreateWebhookEndpoint(
        command_id=world.new_command_id(),
        caller=by,
        key=key,
        new=NewEndpoint(**{"url": URL, **fields}),
        to_private=world.deps.webhooks_to_private,
    )


async def create(world: World, **fields: Any) -> WebhookEndpoint:
    """An endpoint that was created."""
    return endpoint_in(await world.submit(creation(world, **fields)))


async def patch(
    world: World,
    endpoint_id: UUID,
    *,
    by: Caller = ADMIN,
    versions: frozenset[int] | None = None,
    conditional: bool = True,
    key: Key | None = None,
    **fields: Any,
) -> WebhookEndpoint:
    """The endpoint after a change."""
    done = await update_webhook_endpoint.update(
        world.deps, by, endpoint_id, EndpointPatch(**fields), key, versions=versions, conditional=conditional
    )
    return endpoint_in(done)


async def delete(
    world: World, endpoint_id: UUID, *, by: Caller = ADMIN, versions: frozenset[int] | None = None
) -> None:
    """Deletes an endpoint."""
    await world.submit(
        DeleteWebhookEndpoint(command_id=world.new_command_id(), caller=by, endpoint_id=endpoint_id, versions=versions)
    )


async def rotate(world: World, endpoint_id: UUID, *, hours: int = 24, by: Caller = ADMIN) -> WebhookEndpoint:
    """The endpoint with a new secret."""
    command = RotateWebhookSecret(
        command_id=world.new_command_id(), caller=by, endpoint_id=endpoint_id, expires_in_h=hours
    )
    return endpoint_in(await world.submit(command))


async def ask_replay(world: World, endpoint_id: UUID, position: int, *, by: Caller = ADMIN) -> WebhookEndpoint:
    """The endpoint with everything after a position to be put in line again."""
    command = ReplayEvents(
        command_id=world.new_command_id(), caller=by, endpoint_id=endpoint_id, from_position=position
    )
    return endpoint_in(await world.submit(command))


def number_events(world: World) -> int:
    """Gives every committed event its position, as the sequencer does; how many."""
    numbered = 0
    while True:
        (row,) = world.rows("SELECT * FROM number_stream('feed', 1000, NULL)")
        numbered += int(row["numbered"])
        if row["outcome"] != "more":
            assert row["outcome"] in {"done", "idle"}, row
            return numbered


def last_position(world: World, org_id: str = ADMIN.org_id) -> int:
    """How far the feed has come."""
    found = world.rows("SELECT last_position FROM position_counters WHERE stream = 'feed' AND org_id = %s", org_id)
    return int(found[0]["last_position"]) if found else 0


def deliver(world: World, where: str = "true") -> None:
    """Deliveries that arrived, each with its try."""
    world.rows(
        "WITH arrived AS (UPDATE deliveries SET state = 'delivered', attempts = attempts + 1, settled_at = now()"
        f" WHERE state = 'pending' AND {where} RETURNING delivery_id)"
        " INSERT INTO delivery_attempts (delivery_id, attempt, attempted_at, duration_ms, status)"
        " SELECT delivery_id, 1, now(), 3, 204 FROM arrived"
    )


def in_line(world: World, endpoint_id: UUID) -> list[tuple[str, int, str]]:
    """What is, or was, to be sent to an endpoint, in the order of positions: type, sequence and state."""
    found = world.rows(
        "SELECT event_type, sequence, state FROM deliveries WHERE subscription_id = %s ORDER BY position", endpoint_id
    )
    return [(row["event_type"], row["sequence"], row["state"]) for row in found]
