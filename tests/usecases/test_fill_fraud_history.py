"""The fraud history's gaps are filled: what was stored before there was one counts as if it had been scored."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.database import DatabaseUrls
from tests.usecases.world import (
    ADMIN,
    DISPATCHER,
    SERVICE,
    World,
    a_new_payment,
    a_patch,
    open_world,
    rounds,
    seeded,
    work_completed,
)
from vendorpay.adapters.embedded_fraud import EmbeddedFraud
from vendorpay.domain.fraud.rows import row_of
from vendorpay.store import fraud_history
from vendorpay.store.fraud_questions import Kept
from vendorpay.usecases import create_payments, fill_fraud_history, fraud_gaps, read_payment, record_event
from vendorpay.usecases.fraud_gaps import FraudGaps, Step

pytestmark = pytest.mark.anyio

LOST = "SELECT p.payment_id FROM payments p LEFT JOIN fraud_history h USING (payment_id) WHERE h.payment_id IS NULL"
FALSELY_LIVE = (
    "SELECT p.payment_id FROM payments p JOIN fraud_history h USING (payment_id) "
    "WHERE h.live <> (p.status NOT IN ('rejected', 'cancelled', 'reversed'))"
)


async def walk(world: World) -> Step:
    """A whole walk, an hour later; the sum of its steps."""
    world.clock.advance(hours=1)
    filling, sums = FraudGaps(world.database, world.clock, hurries=True), [0, 0, 0]
    while True:
        step = await filling.step()
        sums = [sum(pair) for pair in zip(sums, (step.looked, step.filled, step.in_hand), strict=True)]
        if step.is_last:
            return Step(looked=sums[0], filled=sums[1], in_hand=sums[2], is_last=True)
        assert step.is_our_turn


async def years_of(world: World, vendor_id: UUID, count: int) -> list[UUID]:
    """Payments for work over two years, of before anything was scored."""
    ids = []
    for number in range(count):
        at = world.clock.at - timedelta(days=730 - number * 700 // count)
        detail = {
            "vendorId": str(vendor_id),
            "completedAt": at.isoformat(),
            "pricing": {"basePrice": 12_000 + number * 37, "mileageCharge": 800},
        }
        recorded = await record_event.record(world.deps, SERVICE, [work_completed(detail=detail)], None)
        payment_id = recorded.results[0].payment_id
        assert payment_id
        ids.append(payment_id)
    return ids


async def test_what_dies_between_the_look_at_it_and_its_row_is_not_called_live(database_urls: DatabaseUrls) -> None:
    """A scorer has read it, somebody rejects it, then the scorer keeps what it read; and once more over its row."""
    async with open_world(database_urls) as world:
        seen = await world.create()
        await world.reject(seen.payment_id)
        kept = [Kept(org_id=seen.org_id, content_version=seen.content_version, row=row_of(seen))]
        for _ in range(2):
            async with world.database.reading() as connection:
                await fraud_history.keep(connection, kept)
            assert world.rows("SELECT live FROM fraud_history") == [{"live": False}]


async def test_a_vendor_of_years_is_not_new_after_an_upgrade(database_urls: DatabaseUrls) -> None:
    """Origin 16: without its own data every vendor would look one day old."""
    vendor = uuid4()
    async with open_world(database_urls) as before:
        ids = await years_of(before, vendor, 25)
        assert (await walk(before)).filled == 25
    async with open_world(database_urls, fraud_provider=EmbeddedFraud()) as world:
        world.clock.at = before.clock.at
        made = await world.create(a_new_payment(vendor_id=vendor))
        known = await world.deps.fraud.of(made.org_id, made.payment_id)
        assert known is not None
        assert known.facts.habits.rows == 25
        assert known.facts.pace.vendor_age_s is not None
        assert known.facts.pace.vendor_age_s > 700 * 86_400
        for payment_id in ids:
            payment = await read_payment.get(world.deps, ADMIN, payment_id)
            (kept,) = world.rows("SELECT * FROM fraud_history WHERE payment_id = %s", payment_id)
            row = row_of(payment)
            assert {name: kept[name] for name in ("lines_key", "occurred_at", "service_type", "duration_min")} == {
                "lines_key": row.lines_key,
                "occurred_at": row.occurred_at,
                "service_type": "towing",
                "duration_min": 45,
            }


async def test_what_is_there_is_passed_over_what_is_old_is_renewed_and_what_is_young_is_the_scorers(
    database_urls: DatabaseUrls,
) -> None:
    async with open_world(database_urls) as world:
        dead, edited, _ = [(await world.create()).payment_id for _ in range(3)]
        await world.reject(dead)
        assert await walk(world) == Step(looked=3, filled=3, is_last=True)
        assert await walk(world) == Step(looked=3, is_last=True)
        await world.update(edited, a_patch(lines=[(1, 777)]))
        assert (await walk(world)).filled == 1
        (row,) = world.rows("SELECT amount_cents, content_version FROM fraud_history WHERE payment_id = %s", edited)
        assert row == {"amount_cents": 777, "content_version": 2}
        assert not world.rows(FALSELY_LIVE)
        await world.create()
        filling = FraudGaps(world.database, world.clock, hurries=True)
        assert await filling.step() == Step(looked=3, is_last=True)


async def test_nobody_is_waited_for_and_what_was_in_hand_comes_with_the_next_walk(database_urls: DatabaseUrls) -> None:
    async with open_world(database_urls) as world:
        made = [(await world.create()).payment_id for _ in range(3)]
        world.clock.advance(hours=1)
        with psycopg.connect(database_urls.app) as other:
            other.execute("SELECT FROM payments WHERE payment_id = %s FOR NO KEY UPDATE", [made[1]])
            step = await asyncio.wait_for(world.deps.fraud_gaps.step(), 20)
            assert step == Step(looked=3, filled=2, in_hand=1, is_last=True)
        assert [row["payment_id"] for row in world.rows(LOST)] == [made[1]]
        assert not await fill_fraud_history.step(world.deps)
        assert not world.rows(LOST)


async def test_of_two_processes_one_fills(database_urls: DatabaseUrls) -> None:
    async with open_world(database_urls) as world:
        await world.create()
        world.clock.advance(hours=1)
        with psycopg.connect(database_urls.app) as other:
            other.execute("SELECT pg_advisory_xact_lock(hashtextextended('vendorpay.fraud_backfill', 0))")
            assert await world.deps.fraud_gaps.step() == Step(is_our_turn=False)
            assert not await fill_fraud_history.step(world.deps), "the timer leaves it to the other"
        assert (await world.deps.fraud_gaps.step()).filled == 1


async def test_a_long_walk_goes_on_step_by_step(database_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fraud_gaps, "LOOKED_MAX", 7)
    monkeypatch.setattr(fraud_gaps, "ROWS_MAX", 3)
    async with open_world(database_urls) as world:
        await create_payments.create(world.deps, ADMIN, [a_new_payment() for _ in range(30)], None)
        world.clock.advance(hours=1)
        steps = 1
        while await fill_fraud_history.step(world.deps):
            steps += 1
        assert (steps, world.count("fraud_history")) == (5, 30)
        await world.create()
        world.clock.advance(hours=1)
        assert await world.deps.fraud_gaps.step() == Step(looked=1, filled=1, is_last=True), "from where it ended"


async def test_without_hurry_others_have_most_of_the_time(
    database_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_world(database_urls) as world:
        await world.create()
        world.clock.advance(hours=1)
        rests, sleep = [], asyncio.sleep

        async def slept(delay_s: float) -> None:
            rests.append(delay_s)
            await sleep(0)

        monkeypatch.setattr(asyncio, "sleep", slept)
        began = asyncio.get_running_loop().time()
        await world.deps.fraud_gaps.step()
        took_s = asyncio.get_running_loop().time() - began
        look_s, fill_s = rests
        assert 0 < fill_s / fraud_gaps.FILL_RESTS + look_s / fraud_gaps.LOOK_RESTS <= took_s
        assert max(rests) <= fraud_gaps.REST_S_MAX


async def test_a_payment_rejected_meanwhile_is_never_taken_for_alive(
    database_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fraud_gaps, "ROWS_MAX", 5)
    chance = seeded("filling")
    async with open_world(database_urls) as one, open_world(database_urls) as two:
        for _ in range(rounds(quick=2, soak=200)):
            made = await create_payments.create(one.deps, DISPATCHER, [a_new_payment() for _ in range(20)], None)
            ids = [each.payment_id for each in made if not isinstance(each, Exception) and each.payment_id]
            two.clock.at = one.clock.at
            rejected = chance.sample(ids, 12)
            await asyncio.gather(walk(two), *(one.reject(each) for each in rejected))
            await walk(one)
            assert not one.rows(LOST)
            assert not one.rows(FALSELY_LIVE)
