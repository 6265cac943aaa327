"""Cumulative limits: what one person approves, or one vendor gets, in a day or a week, whatever races for the rest."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.usecases.test_policies import under
from tests.usecases.world import ADMIN, World, a_caller, a_new_payment, a_patch
from vendorpay.domain.errors import ApprovalLimitExceeded
from vendorpay.domain.lifecycle import PaymentStatus
from vendorpay.domain.payment import Payment
from vendorpay.domain.roles import Role

pytestmark = pytest.mark.anyio

OTHER_ADMIN = a_caller(Role.ADMIN, "admin-2")


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
