"""What a payment is scored by is the same live as in a backtest of the same events: the driver and the photos, too."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec
import pytest

from tests.database import DatabaseUrls
from tests.usecases.test_fill_fraud_history import walk
from tests.usecases.world import (
    ORG,
    SERVICE,
    World,
    a_caller,
    a_new_payment,
    a_patch,
    open_world,
    rounds,
    work_completed,
)
from vendorpay.adapters.embedded_fraud import EmbeddedFraud
from vendorpay.domain.fraud.facts import FraudFacts, facts_of
from vendorpay.domain.fraud.rule_set import DEFAULT
from vendorpay.domain.fraud.told import PHOTOS_MAX, UNTOLD, Told, photos_key
from vendorpay.domain.fraud_history import History
from vendorpay.domain.roles import Caller, Role
from vendorpay.entrypoints.fraud_backtest import replay
from vendorpay.entrypoints.fraud_backtest.event_rows import event_row
from vendorpay.entrypoints.fraud_simulation.history import Wish, simulate
from vendorpay.store import fraud_history
from vendorpay.usecases import record_event, score_payment
from vendorpay.usecases.fraud_reads import Known, kept_of
from vendorpay.usecases.record_event import Verdict
from vendorpay.usecases.record_score import RecordScore

pytestmark = pytest.mark.anyio

DRIVER = "5d7f1c0e-0a3b-4b51-9d38-0f2ce3ab8f01"
TOLD = "SELECT driver_id, photos_key FROM inbox ORDER BY received_at, event_id"
KEPT = "SELECT driver_id, photos_key FROM fraud_history ORDER BY payment_id"


async def accepted(world: World, raw: bytes, by: Caller = SERVICE) -> UUID:
    (result,) = (await record_event.record(world.deps, by, [raw], None)).results
    assert result.result is Verdict.ACCEPTED
    assert result.payment_id
    return result.payment_id


async def known(world: World, payment_id: UUID) -> Known:
    found = await world.deps.fraud.of(ORG, payment_id)
    assert found is not None
    return found


def photographed(*names: str) -> dict[str, object]:
    return {"photos": names, "serviceType": "Towing", "duration": 45}


def as_replayed(raws: list[bytes], payment_ids: list[UUID]) -> list[FraudFacts]:
    """The facts that a backtest makes of the events, each under its payment's id."""
    history, found = History(), []
    for raw, payment_id in zip(raws, payment_ids, strict=True):
        row = msgspec.structs.replace(event_row(raw).row, payment_id=payment_id)
        found.append(facts_of(row, history.windows(row)))
        history.record(row)
    return found


async def test_the_same_events_come_to_the_same_facts_and_scores_live(database_urls: DatabaseUrls) -> None:
    """Of a simulated history with drivers, dispatchers and photos, fraud among it; dispatchers publish live."""
    events = [one.event for one in simulate(Wish(payments=rounds(90, 1_500), planted=0.3, seed=7, days=12))]
    raws = [msgspec.json.encode(event) for event in events]
    replayed = list(replay.replay([event_row(raw) for raw in raws], DEFAULT))
    async with open_world(database_urls, fraud_provider=EmbeddedFraud()) as world:
        world.clock.at = datetime(2026, 3, 1, tzinfo=UTC)
        callers = [a_caller(Role.SERVICE, event["detail"]["dispatcherId"]) for event in events]
        ids = [await accepted(world, raw, by) for raw, by in zip(raws, callers, strict=True)]
        commands = [await score_payment.scored(world.deps, ORG, payment_id, None) for payment_id in ids]
        facts = as_replayed(raws, ids)
        for command, expected, scored in zip(commands, facts, replayed, strict=True):
            assert isinstance(command, RecordScore)
            assert msgspec.json.decode(command.verdict.facts or b"", type=FraudFacts) == expected
            assert (command.verdict.score, command.verdict.status) == (
                scored.assessment.score,
                scored.assessment.status,
            )
    assert any(one.people.driver is not None and one.people.driver.rows for one in facts)
    assert any(one.people.with_driver is not None for one in facts)
    assert any(one.duplicates.same_photos is not None for one in facts)


async def test_old_photos_with_a_new_job_are_found_live(database_urls: DatabaseUrls) -> None:
    """The photos of one job, sent in again with a bill for another: origin 67, nothing of the work is lost."""
    async with open_world(database_urls, fraud_provider=EmbeddedFraud()) as world:
        job = {"vendorId": str(uuid4()), "driverId": DRIVER}
        first = await accepted(world, work_completed(detail={**job, "workDetails": photographed("a.jpg", "b.jpg")}))
        again = await accepted(world, work_completed(detail={**job, "workDetails": photographed("b.jpg", "a.jpg")}))
        other = await accepted(world, work_completed(detail={**job, "workDetails": photographed("c.jpg")}))
        twin = (await known(world, again)).facts.duplicates.same_photos
        assert twin is not None
        assert twin.payment_id == first
        assert (await known(world, other)).facts.duplicates.same_photos is None
        assert (await known(world, other)).row.driver_id == DRIVER


async def test_only_the_event_that_led_to_a_payment_tells_of_it(database_urls: DatabaseUrls) -> None:
    """A second event for the job is somebody else's word; a payment that a person made has nobody's."""
    async with open_world(database_urls, fraud_provider=EmbeddedFraud()) as world:
        posted = await world.create(a_new_payment())
        job = {"incidentId": str(posted.incident_id), "vendorId": str(posted.vendor_id), "driverId": DRIVER}
        late = await record_event.record(world.deps, SERVICE, [work_completed(detail=job)], None)
        assert [one.result for one in late.results] == [Verdict.DUPLICATE]
        assert world.rows(TOLD) == [{"driver_id": None, "photos_key": None}]
        row = (await known(world, posted.payment_id)).row
        assert (row.driver_id, row.photos_key) == (None, None)


async def test_a_driver_who_is_paid_is_the_driver(database_urls: DatabaseUrls) -> None:
    """Origin 74: payerId stays the driver; of an event without photos nothing is known of them."""
    async with open_world(database_urls, fraud_provider=EmbeddedFraud()) as world:
        driven = {"payerType": "driver_ic", "driverId": DRIVER.upper(), "workDetails": photographed()}
        row = (await known(world, await accepted(world, work_completed(detail=driven)))).row
        assert (row.driver_id, row.photos_key, row.photo_count) == (DRIVER, None, 0)
        assert event_row(work_completed(detail=driven)).row.driver_id == DRIVER


async def test_what_an_older_version_kept_is_unknown_until_it_is_scored_again_and_stays_known(
    database_urls: DatabaseUrls,
) -> None:
    """During a deploy the old scorer keeps rows without driver and photos, before the new one and after it."""
    async with open_world(database_urls, fraud_provider=EmbeddedFraud()) as world:
        payment_id = await accepted(world, work_completed(detail={"driverId": DRIVER}))
        async with world.database.reading() as connection:
            (found,), _ = await fraud_history.to_score(connection, [(ORG, payment_id)])
            assert found is not None
            assert found.told == Told(driver_id=DRIVER, photos_key=photos_key(["a", "b"]))
            by_the_old = kept_of(msgspec.structs.replace(found, told=UNTOLD))
            await fraud_history.keep(connection, [by_the_old])
        assert world.rows(KEPT) == [{"driver_id": None, "photos_key": None}]
        await known(world, payment_id)
        async with world.database.reading() as connection:
            await fraud_history.keep(connection, [by_the_old])
        assert world.rows(KEPT) == [{"driver_id": DRIVER, "photos_key": photos_key(["a", "b"])}]


async def test_what_is_filled_in_later_and_what_is_new_content_keep_what_the_event_told(
    database_urls: DatabaseUrls,
) -> None:
    async with open_world(database_urls) as world:
        expected = [{"driver_id": DRIVER, "photos_key": photos_key(["b", "a"])}]
        payment_id = await accepted(world, work_completed(detail={"driverId": DRIVER}))
        assert world.rows(TOLD) == expected
        assert (await walk(world)).filled == 1
        assert world.rows(KEPT) == expected
        await world.update(payment_id, a_patch(lines=[(1, 777)]))
        assert (await walk(world)).filled == 1
        assert world.rows(KEPT) == expected


async def test_two_events_at_once_for_one_job_tell_of_it_once(database_urls: DatabaseUrls) -> None:
    async with open_world(database_urls) as world:
        job = {"incidentId": str(uuid4()), "vendorId": str(uuid4()), "driverId": DRIVER}
        raws = [work_completed(detail=job) for _ in range(rounds(4, 100))]
        await asyncio.gather(*(record_event.record(world.deps, SERVICE, [raw], None) for raw in raws))
        told = [row["driver_id"] for row in world.rows(TOLD)]
        assert told.count(DRIVER) == 1
        assert told.count(None) == len(raws) - 1


def test_an_event_full_of_photos_is_not_hashed() -> None:
    """It would hold everybody up; what is not looked at is unknown, live and in a backtest."""
    names = [f"{n}.jpg" for n in range(PHOTOS_MAX)]
    assert photos_key(names) is not None
    assert photos_key([*names, "one more.jpg"]) is None
    raw = work_completed(detail={"workDetails": photographed(*names, "one more.jpg")})
    assert event_row(raw).row.photos_key is None
