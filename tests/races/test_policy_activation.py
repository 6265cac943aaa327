"""A policy is activated while payments are made and edited, in two processes: each has the old rule or the new one."""

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Any
from uuid import UUID

import pytest

from tests.usecases.test_limits import a_limit
from tests.usecases.test_policies import OTHER_ADMIN, a_policy, activate, propose
from tests.usecases.world import DISPATCHER, OTHER_DISPATCHER, World, a_new_payment, a_patch, payment_in, rounds, seeded
from vendorpay.domain.payment import Payment
from vendorpay.usecases import read_payment

pytestmark = pytest.mark.anyio
Worlds = tuple[World, World]
Rule = tuple[int, str]

CREATIONS = 8
EDITED = 3
APPROVED = 3
AMPLE = a_limit("approver", "day", 10**12)
ABOUT_S = 0.02


def named(number: int) -> dict[str, Any]:
    """A rule by whose name its policy is known."""
    return {"name": f"rule {number}", "when": {"currencies": ["USD"]}, "anyOf": [[{"role": "dispatcher"}]]}


def rule_of(payment: Payment) -> Rule:
    assert payment.policy is not None
    return payment.policy.version, payment.policy.rule


async def test_each_payment_has_the_old_rule_or_the_new_and_every_process_the_new_one_afterwards(
    ruled_worlds: Worlds,
) -> None:
    """docs/approvals.md, "How a policy comes to apply": its table, line by line."""
    chance = seeded("activation")
    one, _ = ruled_worlds
    old: Rule = (0, "up to 1,000.00")
    for number in range(1, rounds(quick=2, soak=200) + 1):
        waiting = [(await chance.choice(ruled_worlds).create()).payment_id for _ in range(EDITED + APPROVED + 1)]
        assert {rule_of(await shown(one, each)) for each in waiting} == {old}
        edits, approvals, left = waiting[:EDITED], waiting[EDITED:-1], waiting[-1]
        new = (number, f"rule {number}")
        proposed = await propose(one, a_policy(named(number), limits=[AMPLE]))
        assert proposed.version == number
        made, version = await asyncio.gather(
            at_about_the_same_time(chance, ruled_worlds, edits, approvals),
            activate(chance.choice(ruled_worlds), proposed, by=OTHER_ADMIN),
        )
        assert (version.version, version.activated_by) == (number, OTHER_ADMIN.sub)
        assert {rule_of(each) for each in made} <= {old, new}, "never the one's name under the other's number"
        for world in ruled_worlds:
            assert rule_of(await world.create()) == new, "whoever begins after the answer has the new rule"
        assert rule_of(await shown(one, left)) == old, "what waits keeps its rule"
        assert rule_of(await edited(chance, ruled_worlds, left)) == new
        old = new
    active = one.rows("SELECT version FROM active_policies")
    assert active == [{"version": old[0]}]
    assert (await one.audit()).clean


async def at_about_the_same_time(
    chance: Random, worlds: Worlds, edits: Sequence[UUID], approvals: Sequence[UUID]
) -> list[Payment]:
    """Creations, edits and approvals, each somewhere. Where a rule has limits, a batch reads what is used of them
    between its look at the policy and its decisions."""
    return await asyncio.gather(
        *(created(chance, worlds) for _ in range(CREATIONS)),
        *(edited(chance, worlds, each) for each in edits),
        *(approved(chance, worlds, each) for each in approvals),
    )


async def created(chance: Random, worlds: Worlds) -> Payment:
    """A payment, made anywhere at about the time of the activation."""
    world = chance.choice(worlds)
    await asyncio.sleep(chance.uniform(0, ABOUT_S))
    return await world.create()


async def edited(chance: Random, worlds: Worlds, payment_id: UUID) -> Payment:
    """The payment with new content, wherever it is asked for."""
    world = chance.choice(worlds)
    await asyncio.sleep(chance.uniform(0, ABOUT_S))
    return await world.update(payment_id, a_patch(lines=[(1, 1_000 + chance.randrange(50_000))]), by=DISPATCHER)


async def approved(chance: Random, worlds: Worlds, payment_id: UUID) -> Payment:
    """The payment, approved by the rule it has."""
    world = chance.choice(worlds)
    await asyncio.sleep(chance.uniform(0, ABOUT_S))
    return await world.approve(payment_id, by=OTHER_DISPATCHER)


async def shown(world: World, payment_id: UUID) -> Payment:
    return await read_payment.get(world.deps, DISPATCHER, payment_id)


async def test_two_activations_at_once_end_with_one_that_applies(ruled_worlds: Worlds) -> None:
    """Whatever order they take, the policy that applies is one of them, and every process says the same."""
    chance = seeded("two activations")
    one, two = ruled_worlds
    for _ in range(rounds(quick=2, soak=200)):
        first, second = [await propose(one, a_policy(named(number))) for number in (1, 2)]
        await asyncio.gather(
            activate(chance.choice(ruled_worlds), first),
            activate(chance.choice(ruled_worlds), second),
            *(one.create(a_new_payment()) for _ in range(2)),
            return_exceptions=True,
        )
        (active,) = one.rows("SELECT version FROM active_policies")
        assert active["version"] in (first.version, second.version)
        for world in (one, two):
            assert rule_of(payment_in(await world.submit(world.creation())))[0] == active["version"]
    assert (await one.audit()).clean
