"""A process that scores payments, and how tests wait for a score."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

from tests.database import DatabaseUrls
from tests.usecases.world import (
    ADMIN,
    SERVICE,
    World,
    open_world,
    work_completed,
)
from tests.workers.relaying import a_relay, eventually, number, running
from vendorpay.adapters.embedded_fraud import EmbeddedFraud
from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.finding import Assessment
from vendorpay.domain.fraud.rows import FraudRow
from vendorpay.domain.fraud.rule_set import RuleSet
from vendorpay.domain.fraud_thresholds import Cuts
from vendorpay.domain.payment import Payment
from vendorpay.ports import NoScore
from vendorpay.usecases import (
    read_payment,
    record_event,
)
from vendorpay.usecases.consume_events import ConsumerTarget
from vendorpay.workers.routes import ROUTES

FIVE_THOUSAND = {"basePrice": 500_000, "mileageCharge": 0}


class Moody(EmbeddedFraud):
    """The embedded engine, that fails, dawdles or breaks while it is told to."""

    mood = "well"
    asked = 0

    async def score(self, row: FraudRow, facts: FraudFacts, rule_set: RuleSet, snoozed: Collection[str]) -> Assessment:
        self.asked += 1
        if self.mood == "away":
            raise NoScore("the engine is away")
        if self.mood == "slow":
            await asyncio.sleep(60)
        if self.mood == "broken":
            raise ZeroDivisionError
        return await super().score(row, facts, rule_set, snoozed)


@asynccontextmanager
async def scoring_world(
    urls: DatabaseUrls, provider: EmbeddedFraud | None = None, *, thresholds: Cuts | None = None
) -> AsyncIterator[World]:
    """A process whose payments are scored by a relay of its own."""
    async with (
        open_world(urls, fraud_provider=provider or EmbeddedFraud()) as world,
        running(a_relay(world, ConsumerTarget(replace(world.deps, fraud_thresholds=thresholds), ROUTES))),
    ):
        await eventually(lambda: world.count("subscriptions") == 1)
        yield world


async def by_event(world: World, **detail: object) -> UUID:
    """The payment of a WorkCompleted event, which waits for its score."""
    raw = work_completed(detail=detail)
    recorded = await record_event.record(world.deps, SERVICE, [raw], None)
    (result,) = recorded.results
    assert result.payment_id is not None
    return result.payment_id


async def scored(world: World, payment_id: UUID) -> Payment:
    """The payment once its present content was judged."""
    number(world)
    waiting = "SELECT 1 FROM payments WHERE payment_id = %s AND fraud_status IS NULL"
    await eventually(lambda: not world.rows(waiting, payment_id))
    return await read_payment.get(world.deps, ADMIN, payment_id)
