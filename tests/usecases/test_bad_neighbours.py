"""One bad command never fails its neighbours, whatever is wrong with it."""

from collections.abc import Callable, Sequence

import pytest

from tests.usecases.odd_commands import Buggy, HalfBuggy, Refused, Unhashable, Unlockable, Unwritable
from tests.usecases.world import DISPATCHER, World, a_new_payment
from vendorpay.domain.errors import NotFound
from vendorpay.usecases.carry_out import Result, carry_out
from vendorpay.usecases.command import Command, Done

pytestmark = pytest.mark.anyio

Making = Callable[[World], Command]


def _buggy(world: World) -> Command:
    return Buggy(command_id=world.new_command_id(), caller=DISPATCHER)


def _half_buggy(world: World) -> Command:
    return HalfBuggy(command_id=world.new_command_id(), caller=DISPATCHER, new=a_new_payment())


def _refused(world: World) -> Command:
    return Refused(command_id=world.new_command_id(), caller=DISPATCHER, new=a_new_payment())


def _with_nul(world: World) -> Command:
    return Unwritable(command_id=world.new_command_id(), caller=DISPATCHER, new=a_new_payment(), text="\x00")


def _with_surrogate(world: World) -> Command:
    return Unwritable(command_id=world.new_command_id(), caller=DISPATCHER, new=a_new_payment(), text="\ud800")


def _unlockable(world: World) -> Command:
    return Unlockable(command_id=world.new_command_id(), caller=DISPATCHER, new=a_new_payment(reference="\ud800"))


@pytest.mark.parametrize("bad", [_buggy, _half_buggy, _refused, _with_nul, _with_surrogate, _unlockable])
async def test_a_bad_command_fails_alone(world: World, bad: Making) -> None:
    good = [world.creation() for _ in range(4)]
    commands = [good[0], good[1], bad(world), good[2], good[3]]
    results = await carry_out(world.path, commands)
    _assert_only_the_third_failed(results)
    assert world.count("payments") == world.count("commands") == 4
    assert (await world.audit()).clean


def _assert_only_the_third_failed(results: Sequence[Result]) -> None:
    assert [isinstance(result, Done) for result in results] == [True, True, False, True, True], results


async def test_a_refusal_stays_what_it_is_when_a_neighbour_makes_the_batch_run_again(world: World) -> None:
    missing = world.approval(world.new_command_id())
    results = await carry_out(world.path, [missing, _refused(world), world.creation()])
    assert isinstance(results[0], NotFound)
    assert isinstance(results[1], Exception)
    assert isinstance(results[2], Done)


async def test_the_writers_go_on_after_every_kind_of_bug(world: World) -> None:
    for bad in (_buggy, _half_buggy, _refused, _with_nul, _with_surrogate, _unlockable):
        for _ in range(3):  # more often than there are writers
            with pytest.raises(Exception, match=r".+"):
                await world.submit(bad(world))
    with pytest.raises(TypeError):
        await world.submit(Unhashable(command_id=world.new_command_id(), caller=DISPATCHER))
    assert (await world.create()).version == 1
