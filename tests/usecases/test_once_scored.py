"""An approval that comes right after its payment waits for the score, and no longer than a person would."""

from __future__ import annotations

import asyncio

import pytest

from tests.database import DatabaseUrls
from tests.usecases.world import ADMIN, DISPATCHER, OTHER_DISPATCHER, open_world, payment_in
from tests.workers.relaying import number
from tests.workers.scoring import scoring_world
from vendorpay.adapters.embedded_fraud import EmbeddedFraud
from vendorpay.domain.errors import FourEyes, ScorePending
from vendorpay.usecases import approve_payments, once_scored
from vendorpay.usecases.command import Done

pytestmark = pytest.mark.anyio

PATIENT = (0.05,) * 600
"""Half a minute: how long the real pauses are is a promise to callers, and no measure of a busy machine."""


async def test_who_approves_at_once_waits_for_the_score_alone(
    database_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once_scored, "PAUSES_S", PATIENT)
    async with scoring_world(database_urls) as world:
        made = await world.create()
        approving = asyncio.create_task(
            once_scored.submit(world.deps.commands, world.approval(made.payment_id, by=OTHER_DISPATCHER))
        )
        await asyncio.sleep(0.1)
        assert not approving.done(), "nobody has numbered its event yet"
        number(world)
        approved = payment_in(await approving)
        assert (approved.status, approved.fraud_status is None) == ("approved", False)


async def test_many_approvals_wait_together_and_each_is_answered(
    database_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once_scored, "PAUSES_S", PATIENT)
    async with scoring_world(database_urls) as world:
        ids = [(await world.create()).payment_id for _ in range(5)]
        approving = asyncio.create_task(approve_payments.approve(world.deps, ADMIN, ids, None, None))
        await asyncio.sleep(0.1)
        number(world)
        results = await approving
        assert [payment_in(one).payment_id for one in results if isinstance(one, Done)] == ids


async def test_a_score_that_does_not_come_is_what_the_refusal_says(
    database_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once_scored, "PAUSES_S", (0.01, 0.02))
    async with open_world(database_urls, fraud_provider=EmbeddedFraud()) as world:
        made = await world.create()
        with pytest.raises(ScorePending):
            await once_scored.submit(world.deps.commands, world.approval(made.payment_id))
        (refused,) = await approve_payments.approve(world.deps, ADMIN, [made.payment_id], None, None)
        assert isinstance(refused, ScorePending)
        assert world.count("approvals") == 0


async def test_another_refusal_waits_for_nothing(database_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once_scored, "PAUSES_S", (60.0,))
    async with open_world(database_urls, fraud_provider=EmbeddedFraud()) as world:
        made = await world.create()
        with pytest.raises(FourEyes):
            await asyncio.wait_for(
                once_scored.submit(world.deps.commands, world.approval(made.payment_id, by=DISPATCHER)), 10
            )
