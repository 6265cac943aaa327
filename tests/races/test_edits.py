"""Edits, holds and approvals of one payment at once, in two processes: always one after the other, never half."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random
from typing import Any
from uuid import UUID

import pytest

from tests.usecases.world import ADMIN, World, a_caller, a_new_payment, a_patch, payment_in, rounds, seeded
from vendorpay.domain.errors import (
    AlreadyDecided,
    DigestMismatch,
    DuplicatePayment,
    PaymentHeld,
    PreconditionFailed,
    VendorPayError,
)
from vendorpay.domain.payment import Payment
from vendorpay.domain.roles import Caller, Role
from vendorpay.store.db import rows
from vendorpay.usecases import read_audit_log, read_payment
from vendorpay.usecases.read_audit_log import AuditLine

pytestmark = pytest.mark.anyio
Worlds = tuple[World, World]
Result = Payment | VendorPayError

FIRST, SECOND = (a_caller(Role.DISPATCHER, f"approver-{number}") for number in (1, 2))
NEW_LINES = a_patch(lines=((3, 11), (1, 5)))


async def at_once(*wishes: Awaitable[Payment]) -> list[Result]:
    """What became of each; a wish that fails in any way nobody promised fails the test."""
    ended = await asyncio.gather(*wishes, return_exceptions=True)
    for one in ended:
        if not isinstance(one, Payment | VendorPayError):
            raise one
    return [one for one in ended if isinstance(one, Payment | VendorPayError)]


async def held(world: World, payment_id: UUID, **fields: Any) -> Payment:
    return payment_in(await world.submit(world.hold(payment_id, **fields)))


STORED = """
SELECT p.open_holds, p.approvals_valid,
       (SELECT array_agg(o.sequence ORDER BY o.sequence) FROM outbox o WHERE o.aggregate_id = p.payment_id) AS events,
       (SELECT json_agg(a) FROM approvals a WHERE a.payment_id = p.payment_id AND a.voided_at IS NULL) AS approvals,
       (SELECT count(*) FROM holds h WHERE h.payment_id = p.payment_id AND h.released_at IS NULL) AS holds
FROM payments p WHERE p.payment_id = %(payment_id)s
"""


async def assert_agreed(world: World, payment_id: UUID) -> tuple[Payment, Sequence[AuditLine]]:
    """State, chain, events and rows tell one story; what is approved was approved by people, as it is."""
    after = await read_payment.get(world.deps, ADMIN, payment_id)
    entries = await read_audit_log.entries(world.deps, ADMIN, payment_id)
    status = None
    for entry in entries:
        assert entry.previous_status == status
        status = entry.new_status
    assert after.status == status
    async with world.database.reading() as connection:  # a pooled one: connecting would take most of the time
        (stored,) = await rows(connection, STORED, {"payment_id": payment_id})
    assert stored["events"] == list(range(1, after.version + 1)), "one event for each version"
    valid = stored["approvals"] or []
    assert sorted(one["approver_id"] for one in valid) == sorted(one.approver_id for one in after.approvals)
    assert {(one["content_version"], one["digest"]) for one in valid} <= {(after.content_version, after.digest)}
    assert stored["approvals_valid"] == len(valid)
    assert stored["open_holds"] == stored["holds"] == len(after.holds)
    if after.status == "approved":
        assert len(valid) >= after.required_approvals
        assert after.approved_by in {one.approver_id for one in after.approvals}
    return after, entries


async def test_approving_with_a_stale_digest_never_approves_what_was_not_seen(worlds: Worlds) -> None:
    """Origin 81: what an approver signed could be another thing by the time it was stored."""
    chance = seeded("stale digest")
    for _ in range(rounds(quick=10, soak=1000)):
        one, two = chance.sample(worlds, 2)
        made = await one.create()
        seen = made.digest
        wishes: list[Awaitable[Payment]] = [
            one.update(made.payment_id, NEW_LINES),
            two.approve(made.payment_id, by=FIRST, expected_digest=seen),
            two.approve(made.payment_id, by=SECOND, expected_digest=seen),
        ]
        chance.shuffle(wishes)
        results = await at_once(*wishes)
        after, entries = await assert_agreed(one, made.payment_id)
        assert (after.status, after.content_version, after.amount_cents) == ("pending_approval", 2, 38)
        assert after.digest != seen
        assert after.approvals == ()
        approved = [result for result in results if isinstance(result, Payment) and result.status == "approved"]
        assert all(result.digest == seen for result in approved), "what was approved is what was seen"
        refused = [result for result in results if isinstance(result, VendorPayError)]
        assert all(isinstance(result, DigestMismatch | AlreadyDecided) for result in refused), refused
        actions = [entry.action for entry in entries]
        voided = ["approval_voided"] if approved else []
        assert actions == ["payment_created", *["payment_approved"] * len(approved), "payment_updated", *voided]
        with pytest.raises(DigestMismatch):
            await two.approve(made.payment_id, by=FIRST, expected_digest=seen)
    assert (await worlds[0].audit()).clean


async def test_an_edit_racing_an_approval_leaves_nothing_approved_that_nobody_approved(worlds: Worlds) -> None:
    """Origin 80, 81: without an expected digest an approval is for what is there when it comes."""
    chance = seeded("edit against approval")
    outcomes = set()
    for _ in range(rounds(quick=10, soak=1000)):
        one, two = chance.sample(worlds, 2)
        made = await one.create()
        wishes = [one.update(made.payment_id, NEW_LINES), two.approve(made.payment_id, by=FIRST)]
        edited, approved = await at_once(*wishes)
        after, entries = await assert_agreed(two, made.payment_id)
        actions = tuple(entry.action for entry in entries[1:])
        assert isinstance(edited, Payment)
        assert isinstance(approved, Payment)
        if actions == ("payment_updated", "payment_approved"):
            assert (after.status, approved.digest) == ("approved", edited.digest)
            assert (edited.version, approved.version) == (2, 3)
        else:
            assert actions == ("payment_approved", "payment_updated", "approval_voided")
            assert (after.status, after.approvals, approved.digest) == ("pending_approval", (), made.digest)
            assert (approved.version, edited.version) == (2, 3)
        outcomes.add(actions)
    assert (await worlds[0].audit()).clean
    print("orders seen:", outcomes)


async def test_a_hold_racing_an_approval_stops_it_or_comes_after_it(worlds: Worlds) -> None:
    """Origin 80: a hold that comes first is heeded; one that comes second holds the approved payment."""
    chance = seeded("hold against approval")
    for _ in range(rounds(quick=10, soak=1000)):
        one, two = chance.sample(worlds, 2)
        made = await one.create()
        wishes = [held(one, made.payment_id), two.approve(made.payment_id, by=FIRST)]
        stopped, approved = await at_once(*wishes)
        after, entries = await assert_agreed(one, made.payment_id)
        assert isinstance(stopped, Payment)
        assert len(after.holds) == 1
        actions = [entry.action for entry in entries[1:]]
        if isinstance(approved, Payment):
            assert (after.status, actions) == ("approved", ["payment_approved", "payment_held"])
        else:
            assert isinstance(approved, PaymentHeld)
            assert (after.status, actions) == ("pending_approval", ["payment_held"])
    assert (await worlds[0].audit()).clean


async def test_fault_81_of_many_edits_of_one_version_one_wins(worlds: Worlds) -> None:
    """Origin 81: two reviewers overwrote each other silently."""
    for number in range(rounds(quick=3, soak=200)):
        made = await worlds[0].create()
        results = await at_once(
            *(
                worlds[turn % 2].update(
                    made.payment_id, a_patch(lines=((1, 1 + turn + number),)), versions=frozenset({1})
                )
                for turn in range(8)
            )
        )
        assert sum(isinstance(result, Payment) for result in results) == 1
        assert sum(isinstance(result, PreconditionFailed) for result in results) == 7
        after, entries = await assert_agreed(worlds[1], made.payment_id)
        assert (after.version, len(entries)) == (2, 2)


async def test_fault_67_two_processes_that_patch_different_keys_lose_none(worlds: Worlds) -> None:
    """Origin 67: the second writer's metadata replaced the first one's."""
    for _ in range(rounds(quick=3, soak=200)):
        made = await worlds[0].create(a_new_payment(metadata={"work": {"photos": 2}}))
        patches = [a_patch(metadata={"work": {f"k{turn}": turn}, f"t{turn}": None}) for turn in range(8)]
        results = await at_once(
            *(worlds[turn % 2].update(made.payment_id, patch) for turn, patch in enumerate(patches))
        )
        assert all(isinstance(result, Payment) for result in results), results
        after, _ = await assert_agreed(worlds[1], made.payment_id)
        assert after.metadata == {"work": {"photos": 2, **{f"k{turn}": turn for turn in range(8)}}}


async def test_a_reference_taken_from_every_side_at_once_goes_to_one(worlds: Worlds) -> None:
    """Edits and a creation race for one bill's number; the others are told who has it."""
    for _ in range(rounds(quick=3, soak=200)):
        job = a_new_payment()
        same: dict[str, Any] = {"incident_id": job.incident_id, "vendor_id": job.vendor_id}
        made = [await worlds[turn % 2].create(a_new_payment(**same, reference=f"R{turn}")) for turn in range(4)]
        results = await at_once(
            *(worlds[turn % 2].update(one.payment_id, a_patch(reference="W")) for turn, one in enumerate(made)),
            worlds[0].create(a_new_payment(**same, reference="W")),
            worlds[1].create(a_new_payment(**same, reference="W")),
        )
        (won,) = (result for result in results if isinstance(result, Payment))
        for result in results:
            if result is not won:
                assert isinstance(result, DuplicatePayment), result
                assert result.existing_payment_id == won.payment_id
    assert (await worlds[0].audit()).clean


async def test_whatever_people_do_at_random_in_two_processes_is_one_story(strict_worlds: Worlds) -> None:
    """Every action, by few people on few payments, at once: counts, chains and rows agree after each burst."""
    chance = seeded("random actions")
    world = strict_worlds[0]
    made = [(await world.create()).payment_id for _ in range(4)]
    for _ in range(rounds(quick=2, soak=600)):
        await at_once(*(_random_wish(chance, strict_worlds, made) for _ in range(20)))
        for payment_id in made:
            await assert_agreed(world, payment_id)
        ended = [one for one in made if (await read_payment.get(world.deps, ADMIN, one)).status in ENDED]
        made = [one for one in made if one not in ended] + [(await world.create()).payment_id for _ in ended]
    report = await world.audit()
    assert report.clean, report.faults


ENDED = ("rejected", "cancelled")


def _random_wish(chance: Random, worlds: Worlds, payment_ids: Sequence[UUID]) -> Awaitable[Payment]:
    world, payment_id = chance.choice(worlds), chance.choice(payment_ids)
    person = a_caller(Role.ADMIN, f"person-{chance.randrange(5)}")
    patches = (
        a_patch(lines=((chance.randint(1, 3), 10),)),
        a_patch(metadata={chance.choice("ab"): chance.choice([None, 1, {"c": 2}])}),
        a_patch(reference=chance.choice(["", "x", "y"])),
    )
    acts: Mapping[str, Callable[[], Awaitable[Payment]]] = {
        "approve": lambda: world.approve(payment_id, by=person),
        "update": lambda: world.update(payment_id, chance.choice(patches), by=person),
        "hold": lambda: held(world, payment_id, by=person),
        "release": lambda: _released(world, payment_id, person),
        "undo": lambda: _undone(world, payment_id, person),
        "reject": lambda: world.reject(payment_id, by=person),
        "cancel": lambda: world.cancel(payment_id, by=person),
    }
    (act,) = chance.choices(list(acts), weights=[30, 12, 6, 10, 6, 1, 1])
    return acts[act]()


async def _released(world: World, payment_id: UUID, person: Caller) -> Payment:
    return payment_in(await world.submit(world.release(payment_id, by=person)))


async def _undone(world: World, payment_id: UUID, person: Caller) -> Payment:
    return payment_in(await world.submit(world.undoing(payment_id, by=person)))
