"""Many at once (peers: bulk create, bulk review): each for itself, in order; a repetition finishes what was begun."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

import pytest

from tests.database import DatabaseUrls
from tests.usecases.odd_commands import Buggy, Refused
from tests.usecases.world import (
    DISPATCHER,
    OTHER_DISPATCHER,
    SERVICE,
    World,
    a_key,
    a_new_payment,
    open_world,
    payment_in,
    rounds,
    seeded,
)
from vendorpay.domain.errors import (
    AlreadyDecided,
    DatabaseUnavailable,
    DuplicatePayment,
    FieldFault,
    FourEyes,
    IdempotencyInFlight,
    IdempotencyKeyReused,
    InvalidRequest,
    NotFound,
    Overloaded,
)
from vendorpay.domain.new_payment import NewPayment
from vendorpay.usecases import approve_payments, create_payments
from vendorpay.usecases.command import Command, Commands, Done, Key
from vendorpay.usecases.in_bulk import AT_ONCE_MAX, ItemResult, all_replayed, submit_in_chunks

pytestmark = pytest.mark.anyio

WRONG = InvalidRequest([FieldFault("amountCents", "is wrong")])


async def create(world: World, wanted: Iterable[NewPayment | Exception], key: Key | None = None) -> list[ItemResult]:
    return await create_payments.create(world.deps, SERVICE, wanted, key)


def ids(results: Sequence[ItemResult]) -> list[UUID | None]:
    return [one.payment_id if isinstance(one, Done) else None for one in results]


def kinds(results: Sequence[ItemResult]) -> list[type]:
    return [type(one) for one in results]


async def test_each_is_answered_in_its_place_and_a_bad_one_fails_alone(world: World) -> None:
    taken = a_new_payment()
    there = await world.create(taken)
    results = await create(world, [a_new_payment(), WRONG, a_new_payment(), taken, a_new_payment()])
    assert kinds(results) == [Done, InvalidRequest, Done, DuplicatePayment, Done]
    assert isinstance(results[3], DuplicatePayment)
    assert results[3].existing_payment_id == there.payment_id
    assert world.count("payments") == 4
    assert (await world.audit()).clean


async def test_of_two_for_one_job_the_first_wins_however_far_apart_they_are(world: World) -> None:
    twice = a_new_payment()
    between = [a_new_payment() for _ in range(AT_ONCE_MAX)]
    results = await create(world, [twice, twice, *between, twice])
    first = results[0]
    assert isinstance(first, Done)
    for later in (results[1], results[-1]):
        assert isinstance(later, DuplicatePayment)
        assert later.existing_payment_id == first.payment_id
    assert world.count("payments") == 1 + len(between)


async def test_when_the_first_of_two_is_refused_the_second_is_made(world: World) -> None:
    results = await create(world, [WRONG, a_new_payment()])
    assert kinds(results) == [InvalidRequest, Done]


async def test_the_order_decides_in_every_mixture_of_twins(world: World) -> None:
    chance = seeded("twins in bulk")
    for _ in range(rounds(quick=3, soak=200)):
        jobs = [a_new_payment() for _ in range(6)]
        wanted = [chance.choice(jobs) for _ in range(40)]
        results = await create(world, wanted)
        born: dict[UUID, UUID | None] = {}
        for new, one in zip(wanted, results, strict=True):
            if new.incident_id not in born:
                assert isinstance(one, Done)
                born[new.incident_id] = one.payment_id
            else:
                assert isinstance(one, DuplicatePayment)
                assert one.existing_payment_id == born[new.incident_id]


async def test_equal_payments_are_refused_without_a_turn_for_each(world: World) -> None:
    """Each rode in a batch of its own: two thousand took nine seconds, and behind other such requests 503."""
    counting = Counting(world.group)
    deps = replace(world.deps, commands=counting)
    new, standing = a_new_payment(), a_new_payment()
    there = await world.create(standing)
    results = await create_payments.create(deps, SERVICE, [new, standing] * 2_000, a_key("k"))
    assert kinds(results) == [Done, DuplicatePayment] + [DuplicatePayment, DuplicatePayment] * 1_999
    existing = [one.existing_payment_id for one in results if isinstance(one, DuplicatePayment)]
    assert existing == [there.payment_id, *[ids(results)[0], there.payment_id] * 1_999]
    assert counting.handed_in == 2


async def test_a_repeated_request_asks_for_each_twin_again_one_after_another(world: World) -> None:
    """The first may have been rejected since, or another of them may have been made and have its stored answer."""
    new = a_new_payment()
    standing = await world.create(new)
    await create(world, [new, new, new], a_key("k"))
    await world.reject(standing.payment_id)
    made = await create(world, [new, new, new], a_key("k"))
    assert kinds(made) == [Done, DuplicatePayment, DuplicatePayment]
    (payment_id,) = {payment_id for payment_id in ids(made) if payment_id is not None}
    await world.reject(payment_id)
    counting = Counting(world.group)
    again = await create_payments.create(replace(world.deps, commands=counting), SERVICE, [new, new, new], a_key("k"))
    assert kinds(again) == [Done, Done, DuplicatePayment]
    assert [one.replayed for one in again if isinstance(one, Done)] == [True, False]
    assert counting.largest == 1, "no two of them wait in the queue at once"


async def test_an_item_that_was_made_has_its_answer_again_though_its_twin_is_refused(world: World) -> None:
    """The first was refused when the second was made, because of a payment that was rejected in between."""
    new = a_new_payment()
    half = await create(world, [WRONG, new], a_key("k"))
    again = await create(world, [new, new], a_key("k"))
    assert kinds(again) == [DuplicatePayment, Done]
    assert ids(again)[1] == ids(half)[1]


async def test_a_repetition_under_the_key_gives_the_same_answers_and_does_nothing(world: World) -> None:
    wanted = [a_new_payment() for _ in range(AT_ONCE_MAX + 5)]
    first = await create(world, wanted, a_key("k"))
    again = await create(world, wanted, a_key("k"))
    assert ids(again) == ids(first)
    assert (all_replayed(first), all_replayed(again)) == (False, True)
    assert [one.answer for one in again if isinstance(one, Done)] == [
        one.answer for one in first if isinstance(one, Done)
    ]
    assert world.count("payments") == len(wanted)


async def test_a_request_that_was_half_done_is_finished_by_its_repetition(world: World) -> None:
    """Its process died between two chunks."""
    wanted = [a_new_payment() for _ in range(6)]
    half = await create(world, wanted[:2], a_key("k"))
    whole = await create(world, wanted, a_key("k"))
    assert ids(whole)[:2] == ids(half)
    assert [one.replayed for one in whole if isinstance(one, Done)] == [True, True, False, False, False, False]
    assert not all_replayed(whole)
    assert world.count("payments") == 6


async def test_what_was_refused_is_tried_again_under_the_same_key(world: World) -> None:
    new = a_new_payment()
    standing = await world.create(new)
    refused = await create(world, [new, a_new_payment()], a_key("k"))
    assert kinds(refused) == [DuplicatePayment, Done]
    await world.reject(standing.payment_id)
    again = await create(world, [new, a_new_payment()], a_key("k"))
    assert [one.replayed for one in again if isinstance(one, Done)] == [False, True]


async def test_a_key_of_another_request_is_found_out_before_anything_is_done(world: World) -> None:
    await create(world, [a_new_payment()], a_key("k", "one"))
    with pytest.raises(IdempotencyKeyReused):
        await create(world, [a_new_payment(), a_new_payment()], a_key("k", "two"))
    assert world.count("payments") == 1


async def test_a_key_belongs_to_its_request_also_when_all_of_that_was_refused(world: World) -> None:
    """Nothing of a refused item is remembered, so the items alone could not tell."""
    await create(world, [WRONG], a_key("k", "one"))
    with pytest.raises(IdempotencyKeyReused):
        await create(world, [a_new_payment()], a_key("k", "two"))
    assert world.count("payments") == 0


async def test_a_payment_alone_cannot_have_the_key_of_one_of_many(world: World) -> None:
    await create(world, [a_new_payment()], a_key("k", "many"))
    await world.create(by=SERVICE, key=a_key("k#0", "one"))
    await world.create(by=SERVICE, key=a_key("k", "another"))
    await create(world, [a_new_payment()], a_key("k#0", "many more"))
    assert world.count("payments") == 4


async def test_the_same_request_in_two_processes_at_once_makes_each_payment_once(database_urls: DatabaseUrls) -> None:
    async with open_world(database_urls) as one, open_world(database_urls) as two:
        for number in range(1, rounds(quick=3, soak=100) + 1):
            wanted, key = [a_new_payment() for _ in range(60)], a_key(f"k{number}")
            ended = await asyncio.gather(*(create(world, wanted, key) for world in (one, two)), return_exceptions=True)
            assert all(isinstance(each, list | IdempotencyInFlight) for each in ended), ended
            last = await create(one, wanted, key)
            assert None not in ids(last)
            assert one.count("payments") == 60 * number


async def test_each_of_many_approvals_is_answered_in_its_place(world: World) -> None:
    waiting = [(await world.create(by=DISPATCHER)).payment_id for _ in range(3)]
    own = (await world.create(by=OTHER_DISPATCHER)).payment_id
    rejected = await world.in_status("rejected")
    asked = [waiting[0], own, waiting[1], uuid4(), rejected, waiting[2]]
    results = await approve_payments.approve(world.deps, OTHER_DISPATCHER, asked, "seen", a_key("k"))
    assert kinds(results) == [Done, FourEyes, Done, NotFound, AlreadyDecided, Done]
    approved = [payment_in(one) for one in results if isinstance(one, Done)]
    assert {payment.status for payment in approved} == {"approved"}
    assert {payment.approvals[0].notes for payment in approved} == {"seen"}
    again = await approve_payments.approve(world.deps, OTHER_DISPATCHER, asked, "seen", a_key("k"))
    assert kinds(again) == kinds(results)
    assert all(one.replayed for one in again if isinstance(one, Done))
    with pytest.raises(IdempotencyKeyReused):
        await approve_payments.approve(world.deps, OTHER_DISPATCHER, waiting, None, a_key("k", "another"))


async def test_two_reviewers_of_the_same_thousand_leave_one_approval_each_in_one_order(world: World) -> None:
    made = [
        payment_in(one) for one in await create(world, [a_new_payment() for _ in range(100)]) if isinstance(one, Done)
    ]
    asked = [payment.payment_id for payment in made]
    one, two = await asyncio.gather(
        approve_payments.approve(world.deps, OTHER_DISPATCHER, asked, None, None),
        approve_payments.approve(world.deps, DISPATCHER, asked[::-1], None, None),
    )
    assert {frozenset(pair) for pair in zip(kinds(one), kinds(two[::-1]), strict=True)} == {
        frozenset({Done, AlreadyDecided})
    }
    assert world.count("approvals") == 100


async def test_every_refusal_is_in_its_place_whatever_it_is(world: World) -> None:
    """A bug, or rows that the database refuses, are their own command's and no neighbour's."""
    commands = [
        world.creation(),
        Buggy(command_id=world.new_command_id(), caller=DISPATCHER),
        world.creation(),
        Refused(command_id=world.new_command_id(), caller=DISPATCHER, new=a_new_payment()),
        world.creation(),
    ]
    results = await world.group.submit_each(commands)
    assert [isinstance(one, Done) for one in results] == [True, False, True, False, True]
    assert isinstance(results[1], RuntimeError)
    assert await world.group.submit_each([]) == []


async def test_crowds_whose_turn_does_not_come_are_told_so_one_by_one(database_urls: DatabaseUrls) -> None:
    async with open_world(database_urls, wait_s_max=0.05) as world:
        for _ in range(8):
            await world.group._turns.acquire()
        results = await world.group.submit_each([world.creation(), world.creation()])
        assert kinds(results) == [Overloaded, Overloaded]
        with pytest.raises(Overloaded):
            await create(world, [a_new_payment() for _ in range(AT_ONCE_MAX * 20)])
        mixed = await create(world, [WRONG, a_new_payment()])
        assert kinds(mixed) == [InvalidRequest, Overloaded], "what is wrong is named all the same"


@dataclass
class Counting:
    """Hands in what it gets, and counts it."""

    commands: Commands
    handed_in: int = 0
    largest: int = 0

    async def submit(self, command: Command) -> Done:
        return await self.commands.submit(command)

    async def submit_all(self, commands: Sequence[Command]) -> list[Done]:
        return await self.commands.submit_all(commands)

    async def submit_each(self, commands: Sequence[Command]) -> list[Done | Exception]:
        self.handed_in += len(commands)
        self.largest = max(self.largest, len(commands))
        return await self.commands.submit_each(commands)


@dataclass
class Away:
    """Commands that cannot be carried out, because the database is away; counts how often that is found out."""

    looks: int = 0

    async def submit(self, command: Command) -> Done:
        raise DatabaseUnavailable

    async def submit_all(self, commands: Sequence[Command]) -> list[Done]:
        raise DatabaseUnavailable

    async def submit_each(self, commands: Sequence[Command]) -> list[Done | Exception]:
        self.looks += 1
        return [DatabaseUnavailable() for _ in commands]


async def test_without_a_database_it_is_looked_for_once_and_not_by_every_chunk(world: World) -> None:
    """Each look takes seconds."""
    away = Away()
    with pytest.raises(DatabaseUnavailable):
        await submit_in_chunks(away, (world.creation() for _ in range(AT_ONCE_MAX * 10)))
    assert away.looks == 1
