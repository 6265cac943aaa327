"""The functions of the operations on webhook endpoints and their deliveries."""

from __future__ import annotations

import msgspec

from vendorpay.api import rendering
from vendorpay.api.answer import Answer
from vendorpay.api.call import Call
from vendorpay.api.webhook_bodies import DeliveriesQuery, EndpointList, EndpointWithSecret, ReplayBody, RotateBody
from vendorpay.domain.webhooks import EndpointPatch, NewEndpoint, WebhookEndpoint
from vendorpay.usecases import list_deliveries, list_webhook_endpoints, redeliver, update_webhook_endpoint
from vendorpay.usecases.command import Done
from vendorpay.usecases.create_webhook_endpoint import CreateWebhookEndpoint
from vendorpay.usecases.delete_webhook_endpoint import DeleteWebhookEndpoint
from vendorpay.usecases.replay_events import ReplayEvents
from vendorpay.usecases.rotate_webhook_secret import RotateWebhookSecret


async def create(call: Call) -> Answer:
    command = CreateWebhookEndpoint(
        command_id=call.new_id(),
        caller=call.caller,
        key=call.key,
        new=call.body(NewEndpoint),
        to_private=call.deps.webhooks_to_private,
    )
    return await _with_secret(call, await call.deps.commands.submit(command))


async def rotate(call: Call) -> Answer:
    command = RotateWebhookSecret(
        command_id=call.new_id(),
        caller=call.caller,
        key=call.key,
        endpoint_id=call.id,
        versions=call.versions,
        expires_in_h=call.body(RotateBody).expires_in_hours,
    )
    return await _with_secret(call, await call.deps.commands.submit(command))


async def _with_secret(call: Call, done: Done) -> Answer:
    """The stored answer, and the secret from where it is kept: answers are read by more people than secrets may be."""
    endpoint = msgspec.json.decode(done.answer, type=WebhookEndpoint)
    secret = await list_webhook_endpoints.secret(call.deps, call.caller, endpoint.secrets[0].secret_id)
    shown = EndpointWithSecret(**msgspec.structs.asdict(endpoint), secret=secret)
    return rendering.versioned(shown, endpoint.version, status=201, replayed=done.replayed)


async def update(call: Call) -> Answer:
    done = await update_webhook_endpoint.update(
        call.deps,
        call.caller,
        call.id,
        call.body(EndpointPatch),
        call.key,
        versions=call.versions,
        conditional=call.conditional,
    )
    return _changed(done, 200)


async def delete(call: Call) -> Answer:
    command = DeleteWebhookEndpoint(
        command_id=call.new_id(), caller=call.caller, endpoint_id=call.id, versions=call.versions
    )
    await call.deps.commands.submit(command)
    return Answer(204)


async def replay(call: Call) -> Answer:
    command = ReplayEvents(
        command_id=call.new_id(),
        caller=call.caller,
        key=call.key,
        endpoint_id=call.id,
        versions=call.versions,
        from_position=call.body(ReplayBody).from_position,
    )
    return _changed(await call.deps.commands.submit(command), 202)


def _changed(done: Done, status: int) -> Answer:
    endpoint = msgspec.json.decode(done.answer, type=WebhookEndpoint)
    return rendering.versioned(endpoint, endpoint.version, status=status, replayed=done.replayed)


async def get(call: Call) -> Answer:
    found = await list_webhook_endpoints.get(call.deps, call.caller, call.id)
    return rendering.versioned(found, found.version)


async def endpoints(call: Call) -> Answer:
    found = await list_webhook_endpoints.endpoints(call.deps, call.caller)
    return rendering.rendered(EndpointList(endpoints=tuple(found)))


async def deliveries(call: Call) -> Answer:
    query = call.query(DeliveriesQuery)
    page = await list_deliveries.page(
        call.deps, call.caller, call.id, state=query.state, limit=query.limit, cursor=query.cursor
    )
    return rendering.rendered(page)


async def redeliver_one(call: Call) -> Answer:
    done = await redeliver.redeliver(call.deps, call.caller, call.id, call.key)
    return rendering.answered(done, redeliver.Redelivery, status=202)
