"""One execution environment of Lambda: its event loop, its connection and what use cases work with, for all its life.

An environment answers one invocation at a time and is frozen between two, for seconds or hours, or for ever. So nothing
may be half done when an invocation ends: what it began is waited for, and when its time runs out the connection is hung
up, so that the database rolls back instead of holding locks for somebody who sleeps.

Nothing connects before the first invocation. A snapshot of a started function (SnapStart) therefore holds no socket and
no state of TLS's random numbers, which all its copies would share.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Final, Protocol, TypeVar

from vendorpay import observe
from vendorpay.entrypoints import ids
from vendorpay.entrypoints.aws import lean_start
from vendorpay.entrypoints.aws.working import Working
from vendorpay.usecases.deps import Deps

T = TypeVar("T")

MARGIN_S: Final = 3.0
"""What is kept of an invocation's time to end it in order, of a short one half."""
SETTLE_S_MAX: Final = 0.7
"""How long what is still being written may take once the work is done or its time is over, and each step of giving it
up."""
SLEPT_S: Final = 0.5
"""From so long between two invocations on, the connection is asked whether it lives: a frozen machine hears nothing."""


class Context(Protocol):
    """What Lambda says of an invocation; the part that is used."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """How long until the process is frozen or killed, ready or not."""
        ...


class OutOfTime(Exception):
    """The work did not end in time. What it had handed in is written whole or not at all, and its key tells."""


class Environment:
    """Runs work, one piece after the other, on one loop and one set of open things.

    `opening` opens these at the first invocation, and again after they had to be thrown away.
    """

    def __init__(
        self,
        opening: Callable[[], AbstractAsyncContextManager[Working]],
        *,
        wall_clock_s: Callable[[], float] = time.time,
    ) -> None:
        self._opening = opening
        self._wall_clock_s = wall_clock_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opened = AsyncExitStack()
        self._working: Working | None = None
        self._ended_at_s = 0.0
        self._is_cut = False
        _tell_of_snapshots(self)
        lean_start.end()

    def run(self, work: Callable[[Deps], Awaitable[T]], context: Context, *, s_max: float | None = None) -> T:
        """What the work returns, when all that it handed in is written. At most `s_max` of the time there is.

        Raises OutOfTime, and what the work or the opening raises; the next invocation finds all in order again.
        """
        left_s = context.get_remaining_time_in_millis() / 1000
        within_s = max(left_s - MARGIN_S, left_s / 2)
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        return self._loop.run_until_complete(self._run(work, within_s if s_max is None else min(s_max, within_s)))

    def close(self) -> None:
        """Gives back everything that is open; the next invocation opens it again."""
        if self._loop is not None:
            self._loop.run_until_complete(self._close())
            self._loop.close()
            self._loop = None

    async def _run(self, work: Callable[[Deps], Awaitable[T]], within_s: float) -> T:
        task = asyncio.current_task()
        assert task is not None, "it runs on the loop"
        time_left = asyncio.timeout(within_s)
        cut = asyncio.get_running_loop().call_later(within_s + SETTLE_S_MAX, self._cut, task)
        try:
            async with time_left:
                working = await self._ready()
                return await work(working.deps)
        except (TimeoutError, asyncio.CancelledError):
            if not time_left.expired():
                raise
            while task.uncancel():
                pass
            raise OutOfTime from None
        finally:
            cut.cancel()
            await self._settle()
            self._ended_at_s = self._wall_clock_s()

    def _cut(self, task: asyncio.Task[object]) -> None:
        """Ends what did not end when its time was over. A read is asked of the server, and psycopg waits for seconds
        for a server that went silent to confirm that it was called off.
        """
        self._is_cut = True
        if self._working is not None:
            self._working.database.hang_up()
        task.cancel()

    async def _ready(self) -> Working:
        if self._working is None:
            self._working = await self._opened.enter_async_context(self._opening())
        elif not 0 <= self._wall_clock_s() - self._ended_at_s < SLEPT_S:
            # By the clock on the wall: the loop's own may have stood still as well.
            self._working.database.distrust()
        return self._working

    async def _settle(self) -> None:
        """Waits for what is under way; what does not end is hung up, and everything is opened anew next time."""
        cut, self._is_cut = self._is_cut, False
        if self._working is None or not (cut or self._working.commands.busy):
            return
        if cut:
            observe.failed("an invocation was cut short, for the database did not answer")
        elif await _ended(self._working.commands.idle()):
            return
        else:
            observe.failed("an invocation ended before its writing did")
        await self._throw_away(self._working)

    async def _throw_away(self, working: Working) -> None:
        """Leaves no task that would wake in another invocation, and no transaction at the server."""
        working.commands.abandon()
        # Second, and once more below: psycopg would wait for an answer to its cancelling.
        working.database.hang_up()
        await _ended(_quietly(working.commands.idle()))
        working.database.hang_up()
        await _ended(_quietly(self._close()))
        self._working, self._opened = None, AsyncExitStack()
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in others:
                task.cancel()
            await asyncio.wait(others, timeout=SETTLE_S_MAX)

    async def _close(self) -> None:
        opened, self._working, self._opened = self._opened, None, AsyncExitStack()
        await opened.aclose()


async def _ended(waiting: Awaitable[None]) -> bool:
    """Whether it came to its end in the time there is for that."""
    try:
        await asyncio.wait_for(waiting, SETTLE_S_MAX)
    except TimeoutError:
        return False
    return True


async def _quietly(ending: Awaitable[None]) -> None:
    """What is thrown away may fail, for its line was cut and its tasks were cancelled."""
    try:
        await ending
    except asyncio.CancelledError:
        return
    except Exception as error:
        observe.warning("what was thrown away failed", **observe.facts_of(error))


def _tell_of_snapshots(environment: Environment) -> None:
    """Has an environment closed before a snapshot, and chance that was bought before it forgotten after it."""
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "snap-start":
        return
    hooks = importlib.import_module("snapshot_restore_py")  # a part of Lambda's runtime, not of ours
    hooks.register_before_snapshot(environment.close)
    hooks.register_after_restore(ids.forget_chance)
