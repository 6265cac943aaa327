"""Many people decide on one payment at once, in two processes: what happened is what some serial order explains."""

import asyncio
from collections.abc import Sequence
from random import Random

import pytest

from tests.usecases.world import ADMIN, World, a_caller, rounds, seeded
from vendorpay.domain.errors import AlreadyApproved, AlreadyDecided, InvalidTransition
from vendorpay.domain.payment import Payment
from vendorpay.domain.roles import Role
from vendorpay.usecases import read_audit_log, read_payment
from vendorpay.usecases.command import Command, Done

pytestmark = pytest.mark.anyio
Worlds = tuple[World, World]
PEOPLE = 24


async def test_24_people_deciding_at_once_leave_a_history_that_one_after_the_other_explains(
    strict_worlds: Worlds,
) -> None:
    chance = seeded("24 people")
    for _ in range(rounds(quick=8, soak=500)):
        made = await strict_worlds[0].create()
        commands = [_decision(strict_worlds[0], made, chance, number) for number in range(PEOPLE)]
        ended = await asyncio.gather(
            *(chance.choice(strict_worlds).submit(command) for command in commands), return_exceptions=True
        )
        await _assert_explained(strict_worlds[0], made, commands, ended)
    assert (await strict_worlds[0].audit()).clean


def _decision(world: World, made: Payment, chance: Random, number: int) -> Command:
    """Mostly approvals, by few enough people that some come twice; seldom an end."""
    if chance.random() < 0.85:
        return world.approval(made.payment_id, by=a_caller(Role.DISPATCHER, f"person-{number % 10}"))
    end = chance.choice([world.rejection, world.cancellation])
    return end(made.payment_id, by=a_caller(Role.ADMIN, f"person-{number}"))


async def _assert_explained(
    world: World, made: Payment, commands: Sequence[Command], ended: Sequence[Done | BaseException]
) -> None:
    """Every success is one entry of the chain, in an order that the rules allow; every refusal had its cause."""
    entries = await read_audit_log.entries(world.deps, ADMIN, made.payment_id)
    after = await read_payment.get(world.deps, ADMIN, made.payment_id)
    done = [command for command, result in zip(commands, ended, strict=True) if isinstance(result, Done)]
    refused = [result for result in ended if isinstance(result, BaseException)]
    assert all(isinstance(one, AlreadyDecided | AlreadyApproved | InvalidTransition) for one in refused), refused
    assert sorted(entry.actor_id for entry in entries[1:]) == sorted(command.caller.sub for command in done)
    approvers: list[str] = []
    status = "pending_approval"
    for entry in entries[1:]:
        assert entry.previous_status == status
        if entry.action in ("approval_recorded", "payment_approved"):
            assert status == "pending_approval"
            assert entry.actor_id not in approvers
            approvers.append(entry.actor_id)
            assert (entry.action == "payment_approved") == (len(approvers) == 3)
        else:
            assert status == "pending_approval" or (status, entry.action) == ("approved", "payment_cancelled")
        status = entry.new_status or ""
    assert (after.status, after.version) == (status, len(entries))
    assert [approval.approver_id for approval in after.approvals] == approvers
    assert status in ("approved", "rejected", "cancelled")


async def test_batches_over_the_same_payments_in_opposite_order_drop_none_and_never_lock_up(worlds: Worlds) -> None:
    one, two = worlds
    for _ in range(rounds(quick=3, soak=200)):
        made = await asyncio.gather(*(one.create() for _ in range(40)))
        forth = [one.approve(payment.payment_id) for payment in made]
        back = [two.cancel(payment.payment_id) for payment in reversed(made)]
        ended = await asyncio.wait_for(asyncio.gather(*forth, *back, return_exceptions=True), 30)
        approved, cancelled = ended[:40], ended[40:]
        assert not [result for result in cancelled if isinstance(result, BaseException)], "a cancellation always fits"
        assert all(isinstance(result, Payment | AlreadyDecided) for result in approved), approved
    assert {row["status"] for row in one.rows("SELECT status FROM payments")} == {"cancelled"}
    assert (await one.audit()).clean
