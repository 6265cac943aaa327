"""All of it at work: the API, the sequencer, the relay, the replay's timer, and a real receiver outside."""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

from tests.api.asking import NOW, Answered, Caller
from tests.database import DatabaseUrls
from tests.scenarios.webhook_receiver import Received, WebhookReceiver
from tests.usecases.world import ORG, World, open_world
from tests.workers.relaying import PATIENCE_S, eventually
from vendorpay.adapters.jwks import JwksCache
from vendorpay.adapters.local_issuer import AUDIENCE, ISSUER, LocalIssuer
from vendorpay.adapters.token_verifier import JwtVerifier
from vendorpay.adapters.webhook_sender import HttpWebhookSender
from vendorpay.api import examples
from vendorpay.api.app import build
from vendorpay.domain.retries import Schedule
from vendorpay.ports import WebhookAnswer, WebhookRequest
from vendorpay.store.db import rows
from vendorpay.usecases import replay_events
from vendorpay.usecases.deliver_webhook import WebhookTarget
from vendorpay.workers.relay import Relay
from vendorpay.workers.sequencer import Sequencer

QUICK = Schedule((0.02, 0.02, 0.02, 0.02))
LEASE_S = 0.6
CLAIMS = {"org": ORG}
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reading the system's certificates takes longer than a test


@dataclass(kw_only=True)
class Office:
    """Asks the API as an administrator, and sees what arrives outside."""

    world: World
    caller: Caller
    receiver: WebhookReceiver

    async def ask(self, method: str, path: str, **more: Any) -> Answered:
        """An answer of the API."""
        return await self.caller.ask(method, path, claims=CLAIMS, **more)

    async def subscribe(self, *, secret: str = "first", **fields: Any) -> dict[str, Any]:
        """An endpoint at the receiver, which knows its secret."""
        answer = await self.ask("POST", "/webhook-endpoints", body={"url": self.receiver.url, **fields})
        assert answer.status == 201, answer.body
        self.receiver.know(answer.json["secret"], secret)
        endpoint: dict[str, Any] = answer.json
        return endpoint

    async def patch(self, endpoint: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """The endpoint after a change of whatever version it has."""
        path = f"/webhook-endpoints/{endpoint['endpointId']}"
        answer = await self.ask("PATCH", path, body=fields, headers=[("If-Match", "*")])
        assert answer.status == 200, answer.body
        changed: dict[str, Any] = answer.json
        return changed

    async def shown(self, endpoint: dict[str, Any]) -> dict[str, Any]:
        """The endpoint as it is."""
        answer = await self.ask("GET", f"/webhook-endpoints/{endpoint['endpointId']}")
        found: dict[str, Any] = answer.json
        return found

    async def log(self, endpoint: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
        """The deliveries to an endpoint, newest first."""
        answer = await self.ask("GET", f"/webhook-endpoints/{endpoint['endpointId']}/deliveries{query}")
        assert answer.status == 200, answer.body
        found: list[dict[str, Any]] = answer.json["deliveries"]
        return found

    async def pay(self) -> UUID:
        """A payment that was asked for over the API."""
        bill = {**examples.NEW_PAYMENT, "incidentId": str(uuid4())}
        answer = await self.ask("POST", "/payments", body=bill)
        assert answer.status == 201, answer.body
        return UUID(answer.json["paymentId"])

    async def approve(self, payment_id: UUID) -> None:
        """Approves it, as somebody else."""
        answer = await self.ask("POST", f"/payments/{payment_id}/approve", sub=examples.APPROVER)
        assert answer.status == 200, answer.body

    async def arrived(self, count: int) -> list[Received]:
        """What has arrived outside, once it is at least so much."""
        await eventually(lambda: len(self.receiver.received) >= count)
        return list(self.receiver.received)

    async def settled(self) -> None:
        """Returns when every event has its position, and nothing is pending for an endpoint that is enabled."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while await self._unsettled():
            assert asyncio.get_running_loop().time() < deadline, "it did not settle in time"
            await asyncio.sleep(0.03)

    async def _unsettled(self) -> bool:
        async with self.world.database.reading() as connection:
            return bool(await rows(connection, _UNSETTLED, {}))


_UNSETTLED = """
    SELECT 1 FROM outbox o WHERE NOT EXISTS (
        SELECT FROM feed_positions f WHERE f.aggregate_id = o.aggregate_id AND f.sequence = o.sequence)
    UNION ALL
    SELECT 1 FROM deliveries d JOIN subscriptions s USING (subscription_id)
    WHERE s.active AND (d.state = 'pending' OR s.replay_after IS NOT NULL) LIMIT 1"""


@asynccontextmanager
async def open_office(
    urls: DatabaseUrls, issuer: LocalIssuer, *, timeout_s: float = 15.0, schedule: Schedule = QUICK
) -> AsyncIterator[Office]:
    """Everything at work, until the block ends."""
    async with AsyncExitStack() as stack:
        receiver = stack.enter_context(WebhookReceiver())
        world = await stack.enter_async_context(open_world(urls))
        world.deps = replace(world.deps, webhooks_to_private=True)
        verifier = JwtVerifier(
            JwksCache(issuer.jwks, monotonic=lambda: 0.0), issuer=ISSUER, audience=AUDIENCE, now=NOW.timestamp
        )
        app = build(world.deps, verifier)
        await app.open()
        sender = await stack.enter_async_context(aclosing(HttpWebhookSender(to_private=True, tls=_NO_TLS)))
        target = WebhookTarget(world.deps, sender, schedule=schedule, timeout_s=timeout_s)
        relay = Relay(world.deps, (target,), f"relay-{uuid4()}", lease_s=LEASE_S, idle_s=0.02, stop_s=5.0)
        sequencer = Sequencer(world.database, on_numbered=relay.nudge)
        stop = asyncio.Event()
        work = [asyncio.create_task(each) for each in (sequencer.run(stop), relay.run(stop), _replaying(world, stop))]
        try:
            yield Office(world=world, caller=Caller(app, issuer), receiver=receiver)
        finally:
            stop.set()
            await asyncio.gather(*work)


async def _replaying(world: World, stop: asyncio.Event) -> None:
    while not stop.is_set():
        await replay_events.step(world.deps)
        await asyncio.sleep(0.02)


class NoSender:
    """For a target that is only asked."""

    async def send(self, request: WebhookRequest) -> WebhookAnswer:
        """Must not be reached."""
        raise AssertionError(request.url)


def by_payment(received: Sequence[Received]) -> dict[str, list[int]]:
    """The sequences as they first came, by what they are about."""
    found: dict[str, list[int]] = defaultdict(list)
    for one in received:
        about = one.data.get("paymentId") or one.data["endpointId"]
        if one.data["sequence"] not in found[about]:
            found[about].append(one.data["sequence"])
    return found


def assert_in_order(received: Sequence[Received]) -> None:
    """Passes when no event of anything came before an earlier one of it."""
    for sequences in by_payment(received).values():
        assert sequences == sorted(sequences)
