"""The function that moves what was committed: it gives positions, and delivers to consumers, the bus and webhooks.

One invocation works until its time is nearly over, and the next begins before that: so there is always one at work.
Two at once share it out (leases, one lock of a transaction); one that is killed loses nothing.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any, Final

from vendorpay import observe
from vendorpay.adapters.aws import emf
from vendorpay.adapters.aws.clients import AwsClient
from vendorpay.adapters.aws.emf import Measured
from vendorpay.adapters.aws.event_bus import EventBridgeBus
from vendorpay.adapters.webhook_sender import HttpWebhookSender
from vendorpay.entrypoints import shared_wiring
from vendorpay.entrypoints.aws.metric_names import NAMESPACE, STAGE_DIMENSION, STANDING
from vendorpay.entrypoints.aws.runtime import Context
from vendorpay.entrypoints.aws.scoring import able_to_score
from vendorpay.entrypoints.aws.settings import AwsSettings
from vendorpay.entrypoints.aws.started import started
from vendorpay.metrics import Series
from vendorpay.usecases.consume_events import ConsumerTarget
from vendorpay.usecases.deliver_webhook import TIMEOUT_S, WebhookTarget
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.publish_to_bus import BusTarget
from vendorpay.usecases.read_standing import StandingReader
from vendorpay.workers import background
from vendorpay.workers.relay import Relay
from vendorpay.workers.routes import ROUTES, switched_off
from vendorpay.workers.sequencer import Sequencer

POOL_SIZE: Final = 5
STOP_S: Final = TIMEOUT_S + 1.0
"""How long webhooks that are under way at the end may still take."""
END_S: Final = STOP_S + 8.0
"""What is kept of an invocation's time for its end: those webhooks, giving leases back, and some to spare."""


def handler(event: object, context: Context) -> dict[str, int]:
    """Works until the time is nearly over. Answers with how many seconds that was."""
    environment, settings = started(pool_size=POOL_SIZE)

    async def work(deps: Deps) -> dict[str, int]:
        began = asyncio.get_running_loop().time()
        print(measured(settings, await StandingReader(deps).values(), deps), file=sys.stderr, flush=True)
        left_s = context.get_remaining_time_in_millis() / 1000
        with able_to_score(deps, settings) as scoring:
            await pump(scoring, settings, for_s=max(left_s - END_S, left_s / 3))
        return {"seconds": round(asyncio.get_running_loop().time() - began)}

    return environment.run(work, context)


async def pump(deps: Deps, settings: AwsSettings, *, for_s: float) -> None:
    """Works for so long, and then ends in order, within END_S. Waits for a database that is away."""
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(for_s, stop.set)
    bus = EventBridgeBus(settings.event_bus_name or "", AwsClient("events", region=settings.region))
    async with aclosing(HttpWebhookSender(to_private=False)) as sender, aclosing(BusTarget(deps, bus)) as to_bus:
        off = switched_off(scoring=shared_wiring.scores(settings))
        targets = (ConsumerTarget(deps, ROUTES, switched_off=off), to_bus, WebhookTarget(deps, sender))
        relay = Relay(deps, targets, holder=str(deps.new_id(deps.now())), stop_s=STOP_S)
        sequencer = Sequencer(deps.database, after=relay.announced, on_numbered=relay.nudge)
        await background.run((sequencer, relay), stop)
    observe.info("the pump rests")


def measured(settings: AwsSettings, values: Mapping[Series, list[float]], deps: Deps) -> str:
    """How things stand, as the line that CloudWatch makes metrics of."""
    by_family: dict[str, dict[tuple[Any, ...], float]] = {}
    for (name, labels), (value,) in values.items():
        by_family.setdefault(name, {})[tuple(labels)] = value
    found = [(metric, metric.of(by_family.get(metric.family.name, {}))) for metric in STANDING]
    numbers = [
        Measured(name=metric.name, unit=metric.unit.value, value=value) for metric, value in found if value is not None
    ]
    return emf.line(NAMESPACE, {STAGE_DIMENSION: settings.stage}, numbers, at=deps.now())
