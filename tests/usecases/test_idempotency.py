"""Origin 29: a request that comes again under its key gets the first answer, byte for byte, and does nothing."""

import asyncio

import pytest

from tests.database import DatabaseUrls
from tests.usecases.world import (
    ADMIN,
    DISPATCHER,
    SERVICE,
    World,
    a_caller,
    a_key,
    a_new_payment,
    open_world,
    work_completed,
)
from vendorpay.domain.errors import DuplicatePayment, FourEyes, IdempotencyInFlight, IdempotencyKeyReused
from vendorpay.domain.roles import Role
from vendorpay.store.claims import lock_hash
from vendorpay.usecases.command import Done
from vendorpay.usecases.record_event import Verdict, record

pytestmark = pytest.mark.anyio


async def test_fault_29_the_same_request_gets_the_first_answer_byte_for_byte(world: World) -> None:
    new, key = a_new_payment(), a_key("k")
    first = await world.submit(world.creation(new, key=key))
    await world.approve(first.payment_id or world.new_command_id())
    again = await world.submit(world.creation(new, key=key))
    assert again == Done(answer=first.answer, payment_id=first.payment_id, replayed=True)
    assert not first.replayed
    assert world.count("payments") == 1


async def test_another_request_under_the_key_is_refused(world: World) -> None:
    await world.create(key=a_key("k", "one"))
    with pytest.raises(IdempotencyKeyReused):
        await world.create(key=a_key("k", "two"))
    assert world.count("payments") == 1


async def test_a_refusal_frees_its_key(world: World) -> None:
    made = await world.create()
    key = a_key("k", "approve")
    with pytest.raises(FourEyes):
        await world.approve(made.payment_id, by=DISPATCHER, key=key)
    with pytest.raises(FourEyes):
        await world.approve(made.payment_id, by=DISPATCHER, key=a_key("k", "another request"))
    twin = a_new_payment(incident_id=made.incident_id, vendor_id=made.vendor_id)
    with pytest.raises(DuplicatePayment):
        await world.create(twin, key=key)
    await world.cancel(made.payment_id)
    assert (await world.submit(world.creation(twin, key=key))).replayed is False


async def test_a_key_belongs_to_its_organisation_operation_and_caller(world: World) -> None:
    key = a_key("k")
    made = await world.create(key=key)
    await world.create(by=ADMIN, key=a_key("k", "of the admin"))
    await world.create(by=a_caller(Role.DISPATCHER, org_id="another"), key=a_key("k", "of another organisation"))
    done = await world.submit(world.approval(made.payment_id, key=a_key("k", "of another operation")))
    assert not done.replayed
    assert world.count("payments") == 3


async def test_the_stored_answer_wins_over_every_refusal_that_would_apply_now(world: World) -> None:
    made = await world.create()
    key = a_key("k", "approve it")
    first = await world.submit(world.approval(made.payment_id, key=key))
    await world.cancel(made.payment_id)
    again = await world.submit(world.approval(made.payment_id, key=key))
    assert (again.answer, again.replayed) == (first.answer, True)


async def test_one_key_on_two_payments_is_no_replay(world: World) -> None:
    one, two = await world.create(), await world.create()
    await world.approve(one.payment_id, key=a_key("k", f"POST /payments/{one.payment_id}/approve"))
    with pytest.raises(IdempotencyKeyReused):
        await world.approve(two.payment_id, key=a_key("k", f"POST /payments/{two.payment_id}/approve"))


async def test_forty_at_once_with_one_key_in_one_process_make_one_payment(world: World) -> None:
    new, key = a_new_payment(), a_key("k")
    done = await asyncio.gather(*(world.submit(world.creation(new, key=key)) for _ in range(40)))
    assert len({one.answer for one in done}) == 1
    assert [one.replayed for one in done].count(False) == 1
    assert world.count("payments") == world.count("commands") == 1


async def test_forty_at_once_with_one_key_in_two_processes_make_one_payment(database_urls: DatabaseUrls) -> None:
    async with open_world(database_urls) as one, open_world(database_urls) as two:
        new, key = a_new_payment(), a_key("k")
        ended = await asyncio.gather(
            *(world.submit(world.creation(new, key=key)) for _ in range(20) for world in (one, two)),
            return_exceptions=True,
        )
        answers = {result.answer for result in ended if isinstance(result, Done)}
        assert len(answers) == 1
        assert all(isinstance(result, Done | IdempotencyInFlight) for result in ended), ended
        assert one.count("payments") == one.count("commands") == 1


async def test_a_key_that_is_held_elsewhere_is_refused_at_once_and_not_waited_for(patient_world: World) -> None:
    command = patient_world.creation(key=a_key("k"))
    async with patient_world.database.connection() as other:
        await other.execute("BEGIN")
        await other.execute("SELECT pg_advisory_xact_lock(%s)", [lock_hash(command.key_claim)])
        with pytest.raises(IdempotencyInFlight):
            await asyncio.wait_for(patient_world.submit(command), 30)  # its lock_timeout is a minute
        await other.execute("COMMIT")
    assert not (await patient_world.submit(command)).replayed


async def test_a_keyed_array_of_events_is_replayed_whole(world: World) -> None:
    raws, key = [work_completed(), b"{", work_completed()], a_key("k")
    first = await record(world.deps, SERVICE, raws, key)
    again = await record(world.deps, SERVICE, raws, key)
    assert (first.replayed, again.replayed) == (False, True)
    assert again.results == first.results
    assert [one.result for one in again.results] == [Verdict.ACCEPTED, Verdict.REJECTED, Verdict.ACCEPTED]
    assert world.rows("SELECT times_seen FROM quarantine") == [{"times_seen": 1}]


async def test_a_key_used_for_another_array_is_found_out_before_anything_is_done(world: World) -> None:
    await record(world.deps, SERVICE, [work_completed()], a_key("k", "one"))
    with pytest.raises(IdempotencyKeyReused):
        await record(world.deps, SERVICE, [work_completed(), work_completed()], a_key("k", "two"))
    assert world.count("payments") == 1


async def test_a_keyed_array_that_was_half_done_is_finished_by_its_repetition(world: World) -> None:
    """The first process died between two chunks: what was finished is replayed, the rest is done."""
    raws, key = [work_completed(), work_completed()], a_key("k")
    half = await record(world.deps, SERVICE, raws[:1], key)
    whole = await record(world.deps, SERVICE, raws, key)
    assert whole.results[0] == half.results[0]
    assert [one.result for one in whole.results] == [Verdict.ACCEPTED, Verdict.ACCEPTED]
    assert not whole.replayed
    assert world.count("payments") == 2
