"""For a period, one person approves in another's name; what they do is on record under both."""

from datetime import timedelta
from typing import Any

import msgspec
import psycopg
import pytest

from tests.database import approval, change, stored, write
from tests.store.refusals import expect_refusal
from tests.usecases.world import (
    ADMIN,
    DISPATCHER,
    OTHER_DISPATCHER,
    World,
    a_caller,
    a_new_payment,
)
from vendorpay.domain.delegations import Delegation, NewDelegation
from vendorpay.domain.errors import AlreadyApproved, Forbidden, FourEyes, InvalidRequest, NotFound
from vendorpay.domain.lifecycle import PaymentStatus
from vendorpay.domain.roles import Caller, Role
from vendorpay.usecases import delegations
from vendorpay.usecases.delegations import Delegate, EndDelegation

pytestmark = pytest.mark.anyio

THIRD_DISPATCHER = a_caller(Role.DISPATCHER, "dispatcher-3")
LARGE = 10_000_01


async def give(world: World, to: Caller = OTHER_DISPATCHER, by: Caller = ADMIN, **fields: Any) -> Delegation:
    """A delegation, for a day where nothing else is said."""
    period = {"ends_at": world.clock() + timedelta(days=1), **fields}
    new = NewDelegation(delegate_id=to.sub, **period)
    done = await world.submit(Delegate(command_id=world.new_command_id(), caller=by, new=new))
    return msgspec.json.decode(done.answer, type=Delegation)


async def end(world: World, given: Delegation, by: Caller = ADMIN) -> Delegation:
    command = EndDelegation(command_id=world.new_command_id(), caller=by, delegation_id=given.delegation_id)
    return msgspec.json.decode((await world.submit(command)).answer, type=Delegation)


async def test_the_delegate_approves_with_the_others_role_and_name(ruled_world: World) -> None:
    payment = await ruled_world.create(a_new_payment(lines=[(1, LARGE)]))
    await give(ruled_world)
    await ruled_world.approve(payment.payment_id, by=THIRD_DISPATCHER)
    approved = await ruled_world.approve(payment.payment_id, on_behalf_of=ADMIN.sub)
    assert approved.status is PaymentStatus.APPROVED
    last = approved.approvals[-1]
    assert (last.approver_id, last.role, last.on_behalf_of) == (OTHER_DISPATCHER.sub, "admin", ADMIN.sub)
    assert (await ruled_world.audit()).clean


async def test_without_a_delegation_nobody_acts_for_another(ruled_world: World) -> None:
    payment = await ruled_world.create(a_new_payment())
    with pytest.raises(Forbidden):
        await ruled_world.approve(payment.payment_id, on_behalf_of=ADMIN.sub)
    await give(ruled_world, to=THIRD_DISPATCHER)
    with pytest.raises(Forbidden):
        await ruled_world.approve(payment.payment_id, on_behalf_of=ADMIN.sub)


async def test_it_holds_for_its_period_and_until_it_is_ended(ruled_world: World) -> None:
    payment = await ruled_world.create(a_new_payment(lines=[(1, LARGE)]))
    begin = ruled_world.clock() + timedelta(hours=2)
    given = await give(ruled_world, starts_at=begin, ends_at=begin + timedelta(hours=2))
    for _ in range(2):
        with pytest.raises(Forbidden):
            await ruled_world.approve(payment.payment_id, on_behalf_of=ADMIN.sub)
        ruled_world.clock.advance(hours=4, minutes=1)
    given = await give(ruled_world)
    ended = await end(ruled_world, given)
    assert ended.ended_by == ADMIN.sub
    with pytest.raises(Forbidden):
        await ruled_world.approve(payment.payment_id, on_behalf_of=ADMIN.sub)
    assert await end(ruled_world, given) == ended
    assert (await ruled_world.audit()).clean


async def test_what_was_ended_stays_ended_when_the_clock_is_put_back(ruled_world: World) -> None:
    payment = await ruled_world.create(a_new_payment(lines=[(1, LARGE)]))
    given = await give(ruled_world)
    ruled_world.clock.advance(days=2)
    assert (await end(ruled_world, given)).ended_by == ADMIN.sub, "it was over, by a clock that ran ahead"
    ruled_world.clock.advance(days=-2)
    with pytest.raises(Forbidden):
        await ruled_world.approve(payment.payment_id, on_behalf_of=ADMIN.sub)
    assert (await ruled_world.audit()).clean


async def test_four_eyes_are_those_of_both(ruled_world: World) -> None:
    """Origin 52: nobody's own payment is approved in their name either."""
    payment = await ruled_world.create(a_new_payment())
    await give(ruled_world, by=DISPATCHER)
    with pytest.raises(FourEyes):
        await ruled_world.approve(payment.payment_id, on_behalf_of=DISPATCHER.sub)


async def test_a_person_and_their_delegate_are_not_two_people(ruled_world: World) -> None:
    payment = await ruled_world.create(a_new_payment(lines=[(1, LARGE)]))
    await give(ruled_world)
    await ruled_world.approve(payment.payment_id, by=ADMIN)
    with pytest.raises(AlreadyApproved):
        await ruled_world.approve(payment.payment_id, on_behalf_of=ADMIN.sub)
    with psycopg.connect(ruled_world.urls.app) as connection:
        row = stored(connection, payment.payment_id)
        rows = change(row, actor=OTHER_DISPATCHER.sub, approvals_valid=2, required_approvals=3)
        signed = {"approver_role": "admin", "on_behalf_of": ADMIN.sub, "approved_at": ruled_world.clock()}
        rows.approvals.append(approval(row, OTHER_DISPATCHER.sub, **signed))
        expect_refusal(connection, lambda c: write(c, rows), "approvals_one_valid_per_person")


async def test_only_the_giver_or_an_admin_ends_it(ruled_world: World) -> None:
    given = await give(ruled_world, by=DISPATCHER)
    with pytest.raises(Forbidden):
        await end(ruled_world, given, by=THIRD_DISPATCHER)
    elsewhere = msgspec.structs.replace(ADMIN, org_id="elsewhere")
    with pytest.raises(NotFound):
        await end(ruled_world, given, by=elsewhere)
    assert (await end(ruled_world, given, by=ADMIN)).ended_at is not None
    page = await delegations.page(ruled_world.deps, ADMIN, limit=10)
    assert [one.delegation_id for one in page.delegations] == [given.delegation_id]
    events = ruled_world.rows("SELECT event_type FROM outbox ORDER BY sequence")
    assert [row["event_type"] for row in events] == ["DelegationGiven", "DelegationEnded"]


@pytest.mark.parametrize(
    ("to", "days", "field"), [(ADMIN, 1, "delegateId"), (DISPATCHER, -1, "endsAt"), (DISPATCHER, 91, "endsAt")]
)
async def test_what_makes_no_sense_is_named(ruled_world: World, to: Caller, days: int, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await give(ruled_world, to=to, ends_at=ruled_world.clock() + timedelta(days=days, minutes=1))
    assert [fault.field for fault in caught.value.faults] == [field]
