"""One job, many ways in at once: never two live payments, and nobody is left without an answer."""

import asyncio
from collections import Counter

import msgspec
import pytest

from tests.usecases.world import SERVICE, World, a_new_payment, payment_in, rounds, seeded, work_completed
from vendorpay.domain.errors import AlreadyDecided, DuplicatePayment, FourEyes, InvalidTransition
from vendorpay.domain.new_payment import NewPayment
from vendorpay.usecases.command import Done
from vendorpay.usecases.record_event import EventResult, Verdict, record

pytestmark = pytest.mark.anyio
Worlds = tuple[World, World]
_REFUSALS = (DuplicatePayment, AlreadyDecided, InvalidTransition, FourEyes)


async def test_creating_one_job_twice_at_once_makes_one_payment(worlds: Worlds) -> None:
    for _ in range(rounds(quick=5, soak=500)):
        new = a_new_payment()
        ended = await asyncio.gather(
            *(world.submit(world.creation(new)) for _ in range(4) for world in worlds), return_exceptions=True
        )
        (done,) = [result for result in ended if isinstance(result, Done)]
        refused = [result for result in ended if isinstance(result, DuplicatePayment)]
        assert len(refused) == 7
        assert {one.existing_payment_id for one in refused} == {payment_in(done).payment_id}


async def _publish(world: World, *raws: bytes) -> list[EventResult]:
    return (await record(world.deps, SERVICE, raws, None)).results


def _event_for(new: NewPayment) -> bytes:
    return work_completed(detail={"incidentId": str(new.incident_id), "vendorId": str(new.vendor_id)})


async def test_an_event_and_a_person_for_one_job_at_once_make_one_payment(worlds: Worlds) -> None:
    one, two = worlds
    for _ in range(rounds(quick=5, soak=500)):
        new = a_new_payment()
        published, posted = await asyncio.gather(
            _publish(one, _event_for(new)), two.submit(two.creation(new)), return_exceptions=True
        )
        assert isinstance(published, list)
        if isinstance(posted, DuplicatePayment):
            assert (published[0].result, published[0].payment_id) == (Verdict.ACCEPTED, posted.existing_payment_id)
        else:
            assert isinstance(posted, Done)
            assert (published[0].result, published[0].payment_id) == (Verdict.DUPLICATE, posted.payment_id)
    assert one.count("payments") == rounds(quick=5, soak=500)


async def test_one_event_from_four_publishers_is_accepted_once(worlds: Worlds) -> None:
    """Origin 25: deliveries are at least once."""
    for _ in range(rounds(quick=5, soak=500)):
        raw = work_completed()
        answers = await asyncio.gather(*(_publish(world, raw) for _ in range(2) for world in worlds))
        assert Counter(answer[0].result for answer in answers) == {Verdict.ACCEPTED: 1, Verdict.DUPLICATE: 3}
        assert len({answer[0].payment_id for answer in answers}) == 1
    assert worlds[0].count("payments") == worlds[0].count("inbox") == rounds(quick=5, soak=500)


async def test_cancelling_and_billing_again_at_once_leaves_at_most_one_live_payment(worlds: Worlds) -> None:
    one, two = worlds
    for _ in range(rounds(quick=5, soak=500)):
        new = a_new_payment()
        made = await one.create(new)
        cancelled, again = await asyncio.gather(
            one.cancel(made.payment_id), two.submit(two.creation(new)), return_exceptions=True
        )
        assert not isinstance(cancelled, BaseException)
        assert isinstance(again, Done | DuplicatePayment)
        live = one.rows(
            "SELECT 1 FROM payments WHERE incident_id = %s AND status = 'pending_approval'", new.incident_id
        )
        assert len(live) == isinstance(again, Done)


async def test_bad_events_in_opposite_orders_are_counted_and_never_lock_up(worlds: Worlds) -> None:
    raws = [work_completed(source=f"unknown-{number}") for number in range(30)]
    times = rounds(quick=2, soak=200)
    for _ in range(times):
        forth, back = await asyncio.wait_for(
            asyncio.gather(_publish(worlds[0], *raws), _publish(worlds[1], *reversed(raws))), 30
        )
        assert {one.result for one in (*forth, *back)} == {Verdict.REJECTED}
    assert {row["times_seen"] for row in worlds[0].rows("SELECT times_seen FROM quarantine")} == {2 * times}
    assert worlds[0].count("quarantine") == 30


async def test_anything_at_once_leaves_the_books_right(worlds: Worlds) -> None:
    """Random work on few jobs; afterwards tables, chains and answers agree."""
    chance = seeded("anything at once")
    news = [a_new_payment() for _ in range(6)]
    events = [_event_for(new) for new in news]
    made: list[Done] = []

    async def worker() -> None:
        for _ in range(rounds(quick=10, soak=2000)):
            world = chance.choice(worlds)
            number = chance.randrange(len(news))
            kind = chance.random()
            try:
                if kind < 0.3:
                    made.append(await world.submit(world.creation(news[number])))
                elif kind < 0.5:
                    await _publish(world, events[number], b"[", events[number - 1])
                elif made:
                    target = msgspec.json.decode(chance.choice(made[-6:]).answer)["paymentId"]
                    act = chance.choice([world.approve, world.reject, world.cancel])
                    await act(msgspec.convert(target, type=type(world.new_command_id())))
            except _REFUSALS:
                continue

    await asyncio.gather(*(worker() for _ in range(8)))
    world = worlds[0]
    report = await world.audit()
    assert report.clean, report.faults
    assert report.chains == world.count("payments")
    assert world.rows("SELECT 1 FROM payments WHERE event_seq <> version OR audit_seq <> version") == []
    assert {done.payment_id for done in made} <= {
        row["payment_id"] for row in world.rows("SELECT payment_id FROM payments")
    }
