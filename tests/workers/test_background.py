"""The frame of background work: parts run side by side, break alone, begin again, and end in order."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import pytest

from tests.usecases.world import World
from vendorpay import metrics
from vendorpay.adapters.checkpoint_command import CheckpointCommand
from vendorpay.domain.errors import DatabaseUnavailable
from vendorpay.entrypoints.ids import new_id, system_now
from vendorpay.metrics import timer_ran
from vendorpay.store.db import Database
from vendorpay.usecases.command import Commands
from vendorpay.usecases.deps import Deps
from vendorpay.workers import background
from vendorpay.workers.schedule import Timer, Timers, schedule

pytestmark = pytest.mark.anyio

NOTHING = Deps(
    database=cast(Database, None),
    commands=cast(Commands, None),
    now=system_now,
    new_id=new_id,
    event_sources=frozenset(),
)
"""These steps need none."""


class APart:
    """Counts its starts and does what it is told at each."""

    name = "a part"

    def __init__(self, at_start: Callable[[int], None] = lambda start: None) -> None:
        self.starts = 0
        self.ended = False
        self._at_start = at_start

    async def run(self, stop: asyncio.Event) -> None:
        self.starts += 1
        self._at_start(self.starts)
        await stop.wait()
        self.ended = True


async def until(true: Callable[[], bool]) -> None:
    """Waits, for at most a minute."""
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "PAUSE_S_MIN", 0.01)


def breaking(error: Exception, times: int) -> Callable[[int], None]:
    """Raises at the first so many starts."""

    def at_start(start: int) -> None:
        if start <= times:
            raise error

    return at_start


@pytest.mark.parametrize("error", [RuntimeError("a bug"), DatabaseUnavailable()])
async def test_a_part_that_breaks_begins_again_and_its_neighbours_never_hear_of_it(error: Exception) -> None:
    steady, shaky = APart(), APart(breaking(error, times=3))
    stop = asyncio.Event()
    running = asyncio.create_task(background.run([steady, shaky], stop))
    await until(lambda: shaky.starts == 4)
    assert steady.starts == 1
    stop.set()
    await running
    assert steady.ended
    assert shaky.ended


async def test_a_part_that_ends_by_itself_begins_again() -> None:
    class Brief(APart):
        async def run(self, stop: asyncio.Event) -> None:
            self.starts += 1

    brief = Brief()
    stop = asyncio.Event()
    running = asyncio.create_task(background.run([brief], stop))
    await until(lambda: brief.starts >= 3)
    stop.set()
    await running


async def test_a_timer_runs_at_once_and_again_and_while_there_is_more_without_a_pause() -> None:
    ran: list[str] = []

    async def often(_: Deps) -> bool:
        ran.append("often")
        return len(ran) < 50

    async def seldom(_: Deps) -> bool:
        ran.append("seldom")
        return False

    stop = asyncio.Event()
    timers = Timers(
        NOTHING, [Timer(name="often", every_s=60, step=often), Timer(name="seldom", every_s=60, step=seldom)]
    )
    running = asyncio.create_task(timers.run(stop))
    await until(lambda: len(ran) >= 50)
    stop.set()
    await running
    assert ran.count("seldom") == 1


async def test_a_timer_that_fails_is_tried_again_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """And it is counted as what it was."""
    tries = 0
    counted: list[tuple[str, bool]] = []

    def count(timer: str, *, failed: bool, at_s: float) -> None:
        counted.append((timer, failed))
        timer_ran(timer, failed=failed, at_s=at_s)

    monkeypatch.setattr(metrics, "timer_ran", count)

    async def failing(_: Deps) -> bool:
        nonlocal tries
        tries += 1
        raise RuntimeError("a bug")

    stop = asyncio.Event()

    async def working(_: Deps) -> bool:
        return False

    timers = [Timer(name="failing", every_s=0.01, step=failing), Timer(name="working", every_s=0.01, step=working)]
    running = asyncio.create_task(Timers(NOTHING, timers).run(stop))
    await until(lambda: tries >= 3)
    stop.set()
    await running
    assert set(counted) == {("failing", True), ("working", False)}
    assert counted.count(("failing", True)) == tries


async def test_checkpoints_that_cannot_be_handed_over_are_a_failure_of_their_timer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its last success would move on, and nobody would be woken while nothing is kept elsewhere."""
    counted: list[tuple[str, bool]] = []
    monkeypatch.setattr(metrics, "timer_ran", lambda timer, *, failed, at_s: counted.append((timer, failed)))
    await world.create()
    (timer,) = schedule(checkpoint_every_s=0.01)[-1:]
    for command, failed in (("exit 7", True), ("true", False)):
        deps = replace(world.deps, checkpoints=CheckpointCommand(command, {}))
        stop = asyncio.Event()
        running = asyncio.create_task(Timers(deps, [timer]).run(stop))
        await until(lambda: len(counted) >= 2)
        stop.set()
        await running
        assert set(counted) == {("write_checkpoint", failed)}
        counted.clear()


def test_without_a_place_for_checkpoints_there_is_no_timer_that_would_count_successes() -> None:
    with_place, without = ({each.name for each in schedule(checkpoint_every_s=every_s)} for every_s in (60.0, None))
    assert with_place - without == {"write_checkpoint"}


def test_while_nothing_is_scored_nobody_walks_through_all_payments_for_a_history_that_nobody_reads() -> None:
    scoring, off = ({each.name for each in schedule(checkpoint_every_s=None, scoring=on)} for on in (True, False))
    assert scoring - off == {"fill_fraud_history"}


async def test_work_that_fails_from_the_start_has_an_age_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_numbers", metrics._Numbers())

    async def failing(_: Deps) -> bool:
        raise RuntimeError("a bug")

    begun = system_now().timestamp()
    stop = asyncio.Event()
    running = asyncio.create_task(Timers(NOTHING, [Timer(name="failing", every_s=0.01, step=failing)]).run(stop))
    await until(lambda: b'vendorpay_timer_runs_total{timer="failing",outcome="failed"} 3' in metrics.exposition({}))
    stop.set()
    await running
    lines = dict(line.rsplit(" ", 1) for line in metrics.exposition({}).decode().splitlines() if line[0] != "#")
    assert float(lines['vendorpay_timer_last_success_timestamp_seconds{timer="failing"}']) == pytest.approx(
        begun, abs=1
    )
    assert float(lines['vendorpay_timer_period_seconds{timer="failing"}']) == 0.01
