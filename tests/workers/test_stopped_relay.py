"""A relay in a process that is frozen for longer than its lease, at a moment of chance, and then goes on."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest

from tests.usecases.world import World, rounds, seeded
from tests.workers.relaying import (
    HANDLED,
    LEASE_S,
    Receiver,
    a_relay,
    eventually,
    is_settled,
    publish,
    running,
    states,
    subscribe,
    things,
)
from vendorpay.usecases.relay_target import Due, Result

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
Got = list[tuple[UUID, int]]


@asynccontextmanager
async def another_process(url: str, got: Got) -> AsyncIterator[Process]:
    """A relay of its own process; what it gets is added to `got` as it comes. Killed at the end."""
    command = ("-m", "tests.workers.stopped_relay", url, str(LEASE_S))
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=PIPE, cwd=ROOT)

    async def listen() -> None:
        assert process.stdout
        async for line in process.stdout:
            aggregate, sequence = line.decode().split()
            got.append((UUID(aggregate), int(sequence)))

    listening = asyncio.create_task(listen())
    try:
        yield process
    finally:
        process.kill()
        await asyncio.gather(process.wait(), listening)


async def test_a_relay_that_is_frozen_beyond_its_lease_reorders_and_loses_nothing(world: World) -> None:
    """correctness 15: what it had begun comes once more; nothing it does afterwards counts."""
    chance = seeded("frozen relay")
    subscribe(world, shards=16)
    got: Got = []

    async def note(due: Due) -> Result:
        got.append((due.event.aggregate_id, due.event.sequence))
        await asyncio.sleep(0.005)
        return HANDLED

    aggregates = things(40)
    async with another_process(world.urls.app, got) as process:
        publish(world, aggregates, each=4)
        await eventually(lambda: len(got) >= 5)
        async with running(a_relay(world, Receiver(note, at_once=8))):
            for n in range(rounds(1, 20)):
                await asyncio.sleep(chance.random() * 0.3)
                process.send_signal(signal.SIGSTOP)
                publish(world, aggregates, first=5 + n)
                await asyncio.sleep(2 * LEASE_S)
                process.send_signal(signal.SIGCONT)
            await eventually(lambda: is_settled(world))
            assert states(world) == {"delivered": len(aggregates) * (4 + rounds(1, 20))}
    for aggregate in aggregates:
        line = [sequence for of, sequence in got if of == aggregate]
        assert list(dict.fromkeys(line)) == list(range(1, 5 + rounds(1, 20)))
