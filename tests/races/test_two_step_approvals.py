"""A hundred approvals of a two-step payment at once, with a hold and a content change among them, in two processes."""

import asyncio
from collections.abc import Sequence
from random import Random

import pytest

from tests.usecases.world import ADMIN, DISPATCHER, World, a_caller, a_new_payment, a_patch, rounds, seeded
from vendorpay.domain.errors import AlreadyApproved, AlreadyDecided, FourEyes, PaymentHeld
from vendorpay.domain.payment import Payment
from vendorpay.domain.roles import Caller, Role
from vendorpay.usecases import read_audit_log, read_payment
from vendorpay.usecases.command import Command, Done

pytestmark = pytest.mark.anyio
Worlds = tuple[World, World]

PEOPLE = tuple(a_caller(Role.ADMIN if number < 3 else Role.DISPATCHER, f"person-{number}") for number in range(10))
ROLES = {person.sub: person.role for person in PEOPLE}
APPROVALS = 100
LARGE = 10_000_01
EXPECTED = AlreadyApproved | AlreadyDecided | FourEyes | PaymentHeld


async def test_whatever_a_crowd_does_at_once_some_order_allows(ruled_worlds: Worlds) -> None:
    """Origin 52; correctness 6 and 7: hold, content and approvals meet on one row."""
    chance = seeded("two steps")
    for _ in range(rounds(quick=10, soak=200)):
        made = await ruled_worlds[0].create(a_new_payment(lines=[(1, LARGE)]))
        commands = _crowd(ruled_worlds[0], made, chance)
        ended = await asyncio.gather(
            *(chance.choice(ruled_worlds).submit(command) for command in commands), return_exceptions=True
        )
        await _assert_explained(ruled_worlds[0], made, commands, ended)
    assert (await ruled_worlds[0].audit()).clean


def _crowd(world: World, made: Payment, chance: Random) -> list[Command]:
    """A hundred approvals by ten people, one hold with its release, one edit, in any order."""
    commands: list[Command] = [world.approval(made.payment_id, by=chance.choice(PEOPLE)) for _ in range(APPROVALS)]
    editor: Caller = chance.choice([DISPATCHER, *PEOPLE])
    others: list[Command] = [
        world.hold(made.payment_id, by=ADMIN),
        world.release(made.payment_id, by=ADMIN),
        world.edit(made.payment_id, a_patch(lines=[(2, LARGE)]), by=editor),
    ]
    for command in others:
        # Early, or the first approvals have decided everything.
        commands.insert(chance.randrange(12), command)
    return commands


async def _assert_explained(
    world: World, made: Payment, commands: Sequence[Command], ended: Sequence[Done | BaseException]
) -> None:
    """The chain of the payment, replayed by the rules, is allowed at every step and ends where the row stands."""
    refused = [one for one in ended if isinstance(one, BaseException)]
    assert all(isinstance(one, EXPECTED) for one in refused), refused
    entries = await read_audit_log.entries(world.deps, ADMIN, made.payment_id)
    after = await read_payment.get(world.deps, ADMIN, made.payment_id)
    # A release of nothing changes nothing; an edit that voids leaves an entry more.
    done = sum(
        isinstance(one, Done) and command.operation != "release_payment"
        for command, one in zip(commands, ended, strict=True)
    )
    more = [entry for entry in entries if entry.action in ("approval_voided", "payment_released")]
    assert len(entries) == 1 + done + len(more)
    approvers: list[str] = []
    editor, held, status = "", False, "pending_approval"
    for entry in entries[1:]:
        match entry.action:
            case "payment_held":
                held = True
            case "payment_released":
                held = False
            case "payment_updated":
                editor, status = entry.actor_id, "pending_approval"
                approvers = []
            case "approval_voided":
                continue
            case _:
                assert status == "pending_approval"
                assert not held
                assert entry.actor_id not in (*approvers, editor, made.created_by)
                approvers.append(entry.actor_id)
                enough = len(approvers) >= 2 and any(ROLES[one] is Role.ADMIN for one in approvers)
                assert (entry.action == "payment_approved") == enough
                status = "approved" if enough else status
    assert (after.status, [one.approver_id for one in after.approvals]) == (status, approvers)
    assert bool(after.holds) == held
