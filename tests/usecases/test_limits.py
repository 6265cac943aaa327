"""Cumulative limits: what one person approves, or one vendor gets, in a day or a week, whatever races for the rest."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.usecases.test_policies import under
from tests.usecases.world import ADMIN, World, a_caller, a_new_payment, a_patch
from vendorpay.domain.errors import ApprovalLimitExceeded
from vendorpay.domain.lifecycle import PaymentStatus
from vendorpay.domain.payment import Payment
from vendorpay.domain.roles import Role
from vendorpay.usecases.carry_out import carry_out
from vendorpay.usecases.command import Done

pytestmark = pytest.mark.anyio

XIDS = "SELECT xid FROM payment_audit_log WHERE action = 'payment_approved'"
OTHER_ADMIN = a_caller(Role.ADMIN, "admin-2")
BY_TWO: dict[str, Any] = {
    "name": "by two",
    "when": {"currencies": ["USD"]},
    "anyOf": [[{"role": "dispatcher", "quorum": 2}]],
}


def a_limit(per: str, period: str = "day", cents: int = 1000) -> dict[str, Any]:
    return {"per": per, "period": period, "currency": "USD", "maxAmountCents": cents}


async def of(world: World, cents: int, **fields: Any) -> Payment:
    return await world.create(a_new_payment(lines=[(1, cents)], **fields))


async def at_noon(world: World) -> None:
    """So that no test runs into midnight; on a Monday, so that there are days left in the week."""
    today = datetime.now(UTC).replace(hour=12)
    world.clock.at = today + timedelta(days=7 - today.weekday())


async def test_an_approver_has_a_limit_for_the_day(ruled_world: World) -> None:
    await under(ruled_world, limits=[a_limit("approver")])
    await at_noon(ruled_world)
    first, second, third = [await of(ruled_world, cents) for cents in (600, 401, 400)]
    await ruled_world.approve(first.payment_id, by=ADMIN)
    with pytest.raises(ApprovalLimitExceeded):
        await ruled_world.approve(second.payment_id, by=ADMIN)
    assert (await ruled_world.approve(third.payment_id, by=ADMIN)).status is PaymentStatus.APPROVED
    assert (await ruled_world.approve(second.payment_id, by=OTHER_ADMIN)).status is PaymentStatus.APPROVED
    ruled_world.clock.advance(days=1)
    next_day = await of(ruled_world, 1000)
    assert (await ruled_world.approve(next_day.payment_id, by=ADMIN)).status is PaymentStatus.APPROVED
    assert (await ruled_world.audit()).clean


async def test_a_vendor_has_one_for_the_week(ruled_world: World) -> None:
    await under(ruled_world, limits=[a_limit("vendor", "week")])
    await at_noon(ruled_world)
    vendor = uuid4()
    first, second = [await of(ruled_world, 600, vendor_id=vendor) for _ in range(2)]
    await ruled_world.approve(first.payment_id, by=ADMIN)
    ruled_world.clock.advance(days=6)
    with pytest.raises(ApprovalLimitExceeded):
        await ruled_world.approve(second.payment_id, by=OTHER_ADMIN)
    ruled_world.clock.advance(days=1)
    assert (await ruled_world.approve(second.payment_id, by=OTHER_ADMIN)).status is PaymentStatus.APPROVED


async def test_what_is_taken_back_is_given_back(ruled_world: World) -> None:
    await under(ruled_world, limits=[a_limit("approver"), a_limit("vendor")])
    await at_noon(ruled_world)
    payment = await of(ruled_world, 1000)
    await ruled_world.approve(payment.payment_id, by=ADMIN)
    await ruled_world.submit(ruled_world.undoing(payment.payment_id, by=ADMIN))
    assert {row["used_cents"] for row in ruled_world.rows("SELECT used_cents FROM limit_usage")} == {0}
    await ruled_world.approve(payment.payment_id, by=ADMIN)
    await ruled_world.update(payment.payment_id, a_patch(lines=[(1, 300)]))
    assert {row["used_cents"] for row in ruled_world.rows("SELECT used_cents FROM limit_usage")} == {0}
    await ruled_world.approve(payment.payment_id, by=ADMIN)
    assert {row["used_cents"] for row in ruled_world.rows("SELECT used_cents FROM limit_usage")} == {300}


async def test_what_ends_before_money_moved_is_given_back_on_its_own_day(ruled_world: World) -> None:
    """Yesterday's approval makes room in yesterday's limit; whoever agreed to what is rejected has theirs back."""
    await under(ruled_world, BY_TWO, limits=[a_limit("approver"), a_limit("vendor", "week", 1500)])
    await at_noon(ruled_world)
    vendor = uuid4()
    first, second, third = [await of(ruled_world, 600, vendor_id=vendor) for _ in range(3)]
    for person in (ADMIN, OTHER_ADMIN):
        await ruled_world.approve(first.payment_id, by=person)
    await ruled_world.approve(second.payment_id, by=a_caller(Role.ADMIN, "admin-3"))
    await ruled_world.reject(second.payment_id)
    ruled_world.clock.advance(days=1)
    await ruled_world.approve(third.payment_id, by=ADMIN)
    await ruled_world.cancel(first.payment_id, by=OTHER_ADMIN)
    rows = ruled_world.rows("SELECT subject_id, period_start, used_cents FROM limit_usage WHERE used_cents > 0")
    today = ruled_world.clock.at.date()
    assert [(row["subject_id"], row["period_start"], row["used_cents"]) for row in rows] == [(ADMIN.sub, today, 600)]
    done = await ruled_world.approve(third.payment_id, by=OTHER_ADMIN)
    assert done.status is PaymentStatus.APPROVED, "the vendor's week has room again"
    assert (await ruled_world.audit()).clean


async def test_of_many_at_once_as_many_are_approved_as_fit(ruled_world: World) -> None:
    """Write skew: each looks as if it fitted."""
    await under(ruled_world, limits=[a_limit("approver")])
    await at_noon(ruled_world)
    payments = await asyncio.gather(*(of(ruled_world, 300) for _ in range(12)))
    tries = [ruled_world.approve(payment.payment_id, by=ADMIN) for payment in payments]
    ended = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(not isinstance(one, Exception) for one in ended) == 3
    assert sum(isinstance(one, ApprovalLimitExceeded) for one in ended) == 9
    (row,) = ruled_world.rows("SELECT used_cents FROM limit_usage")
    assert row["used_cents"] == 900


async def test_who_is_past_the_limit_is_refused_before_anything_is_written(
    ruled_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest of the batch is carried out in one transaction: nobody waits because another was refused."""
    await under(ruled_world, limits=[a_limit("approver")])
    await at_noon(ruled_world)
    payments = [await of(ruled_world, 400) for _ in range(5)]
    commands = [ruled_world.approval(one.payment_id, by=ADMIN) for one in payments]
    monkeypatch.setattr("vendorpay.usecases.carry_out._one_by_one", None)
    ended = await carry_out(ruled_world.path, commands)
    assert [isinstance(one, Done) for one in ended] == [True, True, False, False, False]
    assert {type(one) for one in ended[2:]} == {ApprovalLimitExceeded}
    assert len({row["xid"] for row in ruled_world.rows(XIDS)}) == 1
    assert (await ruled_world.audit()).clean


async def test_the_database_has_the_last_word_on_a_limit(ruled_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looked before another transaction took the rest is refused by the row's own check."""
    await under(ruled_world, limits=[a_limit("approver")])
    await at_noon(ruled_world)
    first, second = [await of(ruled_world, 600) for _ in range(2)]
    await ruled_world.approve(first.payment_id, by=ADMIN)

    async def nothing(*_: object) -> dict[object, int]:
        return {}

    monkeypatch.setattr("vendorpay.store.limit_rows.used", nothing)
    with pytest.raises(ApprovalLimitExceeded) as caught:
        await ruled_world.approve(second.payment_id, by=ADMIN)
    assert isinstance(caught.value.__cause__, psycopg.errors.CheckViolation)


async def test_what_one_batch_takes_and_gives_back_of_one_limit_is_both_counted(
    ruled_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One statement changes a row once: of an approval and an undoing together, one would be lost."""
    await under(ruled_world, limits=[a_limit("approver"), a_limit("vendor", "week", 5000)])
    await at_noon(ruled_world)
    vendor = uuid4()
    first, second, third = [await of(ruled_world, cents, vendor_id=vendor) for cents in (600, 300, 700)]
    await ruled_world.approve(first.payment_id, by=ADMIN)
    undoing = ruled_world.undoing(first.payment_id, by=ADMIN)
    monkeypatch.setattr("vendorpay.usecases.carry_out._one_by_one", None)
    for commands, used in (
        ([undoing, ruled_world.approval(second.payment_id, by=ADMIN)], 300),
        ([ruled_world.undoing(second.payment_id, by=ADMIN), ruled_world.approval(third.payment_id, by=ADMIN)], 700),
        ([ruled_world.approval(second.payment_id, by=ADMIN), ruled_world.undoing(third.payment_id, by=ADMIN)], 300),
    ):
        for result in await carry_out(ruled_world.path, commands):
            assert isinstance(result, Done), result
        assert {row["used_cents"] for row in ruled_world.rows("SELECT used_cents FROM limit_usage")} == {used}
    assert (await ruled_world.audit()).clean
