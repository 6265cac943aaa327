"""The background work of a process, put together: the sequencer, the relay with its targets, and the timers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Final

from vendorpay import metrics
from vendorpay.adapters.webhook_sender import HttpWebhookSender
from vendorpay.usecases.consume_events import ConsumerTarget
from vendorpay.usecases.deliver_webhook import WebhookTarget
from vendorpay.usecases.deps import Deps
from vendorpay.workers import background
from vendorpay.workers.relay import Relay
from vendorpay.workers.routes import ROUTES, switched_off
from vendorpay.workers.schedule import Timers, schedule
from vendorpay.workers.sequencer import Sequencer

POOL_SIZE: Final = 5
"""Connections of its own: requests must not wait for background work, nor it for them."""
STOP_S_MAX: Final = 15.0


class Bell:
    """Rung after each commit of this process. It hangs before there is anybody to hear it."""

    def __init__(self) -> None:
        self.heard_by: Callable[[], None] = lambda: None

    def ring(self) -> None:
        """Something was committed."""
        self.heard_by()


@asynccontextmanager
async def at_work(deps: Deps, bell: Bell, *, checkpoint_every_s: float, scoring: bool) -> AsyncIterator[None]:
    """Works beside whatever the block does, and ends in order when the block does."""
    async with aclosing(HttpWebhookSender(to_private=deps.webhooks_to_private)) as sender:
        consumers = ConsumerTarget(
            deps,
            ROUTES,
            pressed=lambda: metrics.crowded(time.perf_counter()),
            switched_off=switched_off(scoring=scoring),
        )
        targets = (consumers, WebhookTarget(deps, sender))
        relay = Relay(deps, targets, holder=str(deps.new_id(deps.now())))
        sequencer = Sequencer(deps.database, after=relay.announced, on_numbered=relay.nudge)
        has_place = deps.checkpoints is not None
        timers = Timers(deps, schedule(checkpoint_every_s=checkpoint_every_s if has_place else None, scoring=scoring))
        bell.heard_by = sequencer.nudge
        stop = asyncio.Event()
        working = asyncio.create_task(background.run((sequencer, relay, timers), stop))
        try:
            yield
        finally:
            stop.set()
            # What takes longer is cut off: it has to bear that anyway, for a machine may lose its power.
            await asyncio.wait([working], timeout=STOP_S_MAX)
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
