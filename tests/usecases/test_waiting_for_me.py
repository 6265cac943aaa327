"""What waits for me: exactly what I could approve now, and what comes further by it."""

from uuid import UUID

import msgspec
import pytest

from tests.database import DatabaseUrls
from tests.usecases.test_delegations import end, give
from tests.usecases.test_policies import under
from tests.usecases.world import ADMIN, DISPATCHER, OTHER_DISPATCHER, World, a_caller, a_new_payment, a_patch
from tests.workers.scoring import FIVE_THOUSAND, by_event, scored, scoring_world
from vendorpay.domain.errors import InvalidRequest, VendorPayError
from vendorpay.domain.fraud_cases import CaseReason, Decision
from vendorpay.domain.payment import Payment
from vendorpay.domain.roles import Caller, Role
from vendorpay.usecases import escalate_approvals, fraud_cases, list_payments, waiting_for_me

pytestmark = pytest.mark.anyio

ANN = a_caller(Role.DISPATCHER, "ann")
OTHER_ADMIN = a_caller(Role.ADMIN, "admin-2")
LARGE = 10_000_01


async def mine(world: World, caller: Caller, *, limit: int = 50) -> list[UUID]:
    """All of it, page by page."""
    found: list[UUID] = []
    cursor = None
    while True:
        page = await waiting_for_me.page(world.deps, caller, limit=limit, cursor=cursor)
        assert len(page.payments) <= limit
        found += [payment.payment_id for payment in page.payments]
        cursor = page.next_cursor
        if cursor is None:
            return found


async def made(world: World, cents: int = 100, by: Caller = DISPATCHER) -> Payment:
    return await world.create(a_new_payment(lines=[(1, cents)]), by=by)


async def test_neither_creators_nor_editors_are_asked(ruled_world: World) -> None:
    """Origin 52: nobody is shown their own payment as something to say yes to."""
    payment = await made(ruled_world)
    assert (await mine(ruled_world, DISPATCHER), await mine(ruled_world, ANN)) == ([], [payment.payment_id])
    await ruled_world.update(payment.payment_id, a_patch(lines=[(1, 5)]), by=ANN)
    assert await mine(ruled_world, ANN) == []
    assert await mine(ruled_world, OTHER_DISPATCHER) == [payment.payment_id]
    assert await mine(ruled_world, a_caller(Role.ADMIN, "admin-9", org_id="elsewhere")) == []


async def test_what_is_held_or_decided_waits_for_nobody(ruled_world: World) -> None:
    held, rejected, approved = [await made(ruled_world) for _ in range(3)]
    await ruled_world.submit(ruled_world.hold(held.payment_id))
    await ruled_world.reject(rejected.payment_id)
    await ruled_world.approve(approved.payment_id)
    assert await mine(ruled_world, ANN) == []
    await ruled_world.submit(ruled_world.release(held.payment_id))
    assert await mine(ruled_world, ANN) == [held.payment_id]


async def test_seats_decide_and_not_the_number_of_approvals(ruled_world: World) -> None:
    """Two people, one of them an admin: after a dispatcher's yes it waits for admins alone."""
    payment = await made(ruled_world, LARGE)
    assert await mine(ruled_world, ANN) == [payment.payment_id]
    await ruled_world.approve(payment.payment_id, by=ANN)
    assert [await mine(ruled_world, one) for one in (ANN, OTHER_DISPATCHER, ADMIN)] == [[], [], [payment.payment_id]]


async def test_a_rule_that_denies_asks_nobody_and_named_people_are_asked_alone(ruled_world: World) -> None:
    await under(
        ruled_world,
        {"name": "no", "effect": "deny", "when": {"serviceTypes": ["crane"]}},
        {
            "name": "ann's",
            "when": {"currencies": ["USD"]},
            "anyOf": [[{"people": ["ann"]}]],
            "escalation": {"afterHours": 1},
        },
    )
    await ruled_world.create(a_new_payment(metadata={"serviceType": "crane"}))
    anns = await made(ruled_world)
    assert [await mine(ruled_world, one) for one in (ANN, OTHER_DISPATCHER, ADMIN)] == [[anns.payment_id], [], []]
    ruled_world.clock.advance(hours=1)
    await escalate_approvals.step(ruled_world.deps)
    assert [await mine(ruled_world, one) for one in (ANN, OTHER_DISPATCHER, ADMIN)] == [
        [anns.payment_id],
        [],
        [anns.payment_id],
    ]


async def test_a_delegation_lets_wait_what_needs_the_others_role(ruled_world: World) -> None:
    payment = await made(ruled_world, LARGE)
    admins = await made(ruled_world, LARGE, by=ADMIN)
    await ruled_world.approve(payment.payment_id, by=ANN)
    await ruled_world.approve(admins.payment_id, by=ANN)
    assert await mine(ruled_world, OTHER_DISPATCHER) == []
    given = await give(ruled_world)
    assert await mine(ruled_world, OTHER_DISPATCHER) == [payment.payment_id], "the other one is the giver's own"
    await end(ruled_world, given)
    assert await mine(ruled_world, OTHER_DISPATCHER) == []
    await give(ruled_world)
    ruled_world.clock.advance(days=2)
    assert await mine(ruled_world, OTHER_DISPATCHER) == []


async def test_it_waits_for_the_score_and_for_its_case(database_urls: DatabaseUrls) -> None:
    """Origin 45: what has no score yet, or an open case, is nobody's to approve."""
    async with scoring_world(database_urls) as world:
        small, flagged = await made(world), await by_event(world, pricing=FIVE_THOUSAND)
        assert await mine(world, ADMIN) == []
        assert (await scored(world, small.payment_id)).fraud_status != "flagged"
        assert (await scored(world, flagged)).fraud_status == "flagged"
        assert await mine(world, ADMIN) == [small.payment_id]
        (case,) = world.rows("SELECT case_id FROM fraud_cases")
        why = CaseReason.VERIFIED_WITH_VENDOR
        await fraud_cases.decide(
            world.deps, OTHER_DISPATCHER, case["case_id"], None, decision=Decision.CLEARED, reason_code=why
        )
        assert await mine(world, ADMIN) == [small.payment_id, flagged]


async def test_whoever_approves_nothing_finds_nothing_and_plain_numbers_ask_everybody(world: World) -> None:
    payment = await made(world)
    assert await mine(world, a_caller(Role.AUDITOR)) == []
    asked = [await mine(world, one) for one in (DISPATCHER, ANN, ADMIN)]
    assert asked == [[], [payment.payment_id], [payment.payment_id]]


async def test_every_page_goes_on_behind_the_last_however_little_is_on_it(
    ruled_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting_for_me, "_AT_ONCE", 4)
    monkeypatch.setattr(waiting_for_me, "SCANNED_MAX", 8)
    every = [await made(ruled_world, by=ANN if number % 5 else DISPATCHER) for number in range(23)]
    wanted = [one.payment_id for one in every if one.created_by != ANN.sub]
    for limit in (1, 2, 7, 50):
        assert await mine(ruled_world, ANN, limit=limit) == wanted
    assert await mine(ruled_world, a_caller(Role.ADMIN, "x"), limit=3) == [one.payment_id for one in every]
    first = await list_payments.pending(ruled_world.deps, ANN, limit=1)
    with pytest.raises(InvalidRequest):
        await waiting_for_me.page(ruled_world.deps, ANN, limit=1, cursor=first.next_cursor)


async def test_the_list_and_the_approval_agree_on_everybody(ruled_world: World) -> None:
    """Whatever stands in somebody's list they can approve and it lacks less by it; of the rest, neither is true."""
    people = [DISPATCHER, ANN, ADMIN, OTHER_ADMIN]
    await give(ruled_world, to=ANN)
    for person in people:
        every = [await made(ruled_world, cents, by=maker) for cents in (500, LARGE) for maker in people]
        for payment in every[1::3]:
            await ruled_world.approve(payment.payment_id, by=OTHER_DISPATCHER)
        await ruled_world.submit(ruled_world.hold(every[2].payment_id))
        asked = await mine(ruled_world, person)
        for payment in every:
            helped = [await _helps(ruled_world, payment, person, name) for name in _names(person)]
            assert any(helped) == (payment.payment_id in asked), (person.sub, payment.created_by, payment.amount_cents)


def _names(person: Caller) -> list[str | None]:
    """Another's first: an approval in one's own name that fills no seat would be the only one a person has."""
    return [ADMIN.sub, None] if person == ANN else [None]


async def _helps(world: World, payment: Payment, person: Caller, name: str | None) -> bool:
    """Whether an approval in that name is taken and fills a seat."""
    before = (await world.deps.payments.by_id(person.scope(), payment.payment_id)) or payment
    try:
        after = await world.approve(payment.payment_id, by=person, on_behalf_of=name)
    except VendorPayError:
        return False
    assert before.policy is not None
    assert after.policy is not None
    return after.policy.open < before.policy.open or msgspec.json.encode(after.status) == b'"approved"'
