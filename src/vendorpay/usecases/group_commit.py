"""Group commit: whatever arrived while the last batch was being committed goes together in the next one.

Nobody waits for company: a command that finds nobody writing is taken at once, alone; under load batches grow by
themselves. A second writer comes where a crowd waits for the first, or somebody waits long; of a crowd each takes its
share, for one batch is read and answered while the database writes the other, and the two must last equally long.
Every caller is answered after its own commit only, and a caller that hangs up cancels nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from vendorpay import metrics, observe
from vendorpay.domain.errors import Overloaded
from vendorpay.usecases.carry_out import Result, Straggler, WritePath, carry_out
from vendorpay.usecases.command import Command, Done

BATCH_MAX: Final = 256
BATCH_LINES_MAX: Final = 8_000
"""Enough for a full batch of usual payments; one of 51,200 lines kept everybody waiting for a second."""
QUEUE_MAX: Final = 4096
WRITERS: Final = 2
CROWD: Final = 24
"""How many commands must wait for another writer to be worth it: two small batches cost more than one large one."""
LONG_S: Final = 0.05
"""After what time another writer takes over from one that is slow, for however few."""
STRAGGLERS_MAX: Final = 4
CROWDS_MAX: Final = 8
"""How many crowds of commands are in the queue at once."""
WAIT_S_MAX: Final = 10.0
"""How long a command may wait for its turn: behind one locked row, each would else wait for all before it."""


@dataclass(eq=False)
class _Waiting:
    command: Command
    answer: asyncio.Future[Done]
    since: float
    claims: frozenset[object] = field(init=False)

    def __post_init__(self) -> None:
        self.claims = frozenset(self.command.claims())  # what cannot be a claim fails here, and not the writer

    def settle(self, result: Result) -> None:
        if self.answer.done():
            return  # the caller hung up
        if isinstance(result, Done):
            self.answer.set_result(result)
        else:
            self.answer.set_exception(result)


class GroupCommit:
    """The queue in front of the write path, and the tasks that empty it."""

    def __init__(
        self,
        path: WritePath,
        *,
        batch_max: int = BATCH_MAX,
        queue_max: int = QUEUE_MAX,
        wait_s_max: float = WAIT_S_MAX,
        after_commit: Callable[[], None] = lambda: None,
    ) -> None:
        """`after_commit` is called when something was written: work may be waiting. It must not block or raise."""
        self._path = path
        self._after_commit = after_commit
        self._wait_s_max = wait_s_max
        self._batch_max = batch_max
        self._queue_max = queue_max
        self._queue: deque[_Waiting] = deque()
        self._busy: set[object] = set()
        self._writers = 0
        self._under_way = 0
        self._closing = False
        self._later: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._alone = asyncio.Semaphore(STRAGGLERS_MAX)
        self._turns = asyncio.Semaphore(CROWDS_MAX)

    async def aclose(self) -> None:
        """Takes no more commands, and returns when those it holds are answered."""
        self._closing = True
        await self.idle()

    @property
    def busy(self) -> bool:
        """Whether anything that was handed in may still be written."""
        return bool(self._tasks)

    async def idle(self) -> None:
        """Returns when everything that it holds is answered."""
        while self._tasks:
            # Not gather, which gives nobody a turn when all have ended (Python 3.12 on): none would be taken out.
            await asyncio.wait(self._tasks)

    def abandon(self) -> None:
        """Takes no more commands and ends what is under way, unanswered: written whole, or not at all."""
        self._closing = True
        for task in self._tasks:
            task.cancel()

    async def submit(self, command: Command) -> Done:
        """The command's answer, after its commit.

        Raises the VendorPayError it was refused with; Overloaded when too many wait already, when its turn did not
        come in time, or at the end.
        """
        answer = self._enter(command)
        self._go_on()
        return await answer

    async def submit_all(self, commands: Sequence[Command]) -> list[Done]:
        """The answers of many commands, in their order.

        Raises the first error when every one of them has ended; Overloaded when their turn did not come in time.
        """
        answers: list[Done] = []
        for one in await self.submit_each(commands):
            if isinstance(one, Exception):
                raise one
            answers.append(one)
        return answers

    async def submit_each(self, commands: Sequence[Command]) -> list[Done | Exception]:
        """What became of each of many commands, in their order.

        Such crowds take turns, so that a single command always finds a place in the queue; when their turn does not
        come in time, each of them is Overloaded.
        """
        try:
            await asyncio.wait_for(self._turns.acquire(), self._wait_s_max)
        except TimeoutError:
            return [Overloaded() for _ in commands]
        try:
            answers = [self._enter(command) for command in commands]
            self._go_on()
            return [await _ended(answer) for answer in answers]
        finally:
            self._turns.release()

    def _enter(self, command: Command) -> asyncio.Future[Done]:
        """Puts a command into the queue; whoever does, calls `_go_on` then."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Done] = loop.create_future()
        if self._closing or len(self._queue) >= self._queue_max:
            answer.set_exception(Overloaded())
            return answer
        try:
            self._queue.append(_Waiting(command, answer, loop.time()))
        except Exception as error:  # its claims: a bug of this command, and nothing to its neighbours
            answer.set_exception(error)
        metrics.queue(len(self._queue))
        return answer

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        # A bug of the queue's own: better to refuse, and to be started again, than to let everybody wait for ever.
        observe.failed("the write path ended", **observe.facts_of(error))
        self._closing = True
        while self._queue:
            self._queue.popleft().settle(Overloaded())

    def _go_on(self) -> None:
        """Sees to it that somebody writes what waits."""
        if not self._queue or self._writers >= WRITERS:
            return
        if self._is_worth_a_batch(others=self._writers):
            self._writers += 1
            self._spawn(self._write())
        elif self._later is None:
            self._later = asyncio.get_running_loop().call_later(LONG_S, self._look_again)

    def _is_worth_a_batch(self, others: int) -> bool:
        """Whether to write what waits beside so many other writers."""
        return not others or len(self._queue) >= CROWD or self._is_late()

    def _is_late(self) -> bool:
        return asyncio.get_running_loop().time() - self._queue[0].since >= LONG_S

    def _look_again(self) -> None:
        self._later = None
        self._go_on()

    async def _write(self) -> None:
        """Writes batch after batch, until too little waits, or only what others hold: their end goes on with it."""
        try:
            while self._queue and self._is_worth_a_batch(others=self._writers - 1):
                if not (batch := self._take()):
                    return
                self._under_way += len(batch)
                try:
                    self._go_on()  # with what it left
                    await self._commit(batch)
                finally:
                    self._under_way -= len(batch)
        finally:
            self._writers -= 1
        self._go_on()

    def _take(self) -> list[_Waiting]:
        """The next batch: in order of arrival, leaving what claims the same as a neighbour or a batch under way.

        What is left keeps its place before later commands with the same claim.
        """
        batch: list[_Waiting] = []
        left: deque[_Waiting] = deque()
        taken = set(self._busy)
        oldest = asyncio.get_running_loop().time() - self._wait_s_max
        lines = 0
        most = min(self._batch_max, self._share())
        while self._queue and len(batch) < most and lines < BATCH_LINES_MAX:
            waiting = self._queue.popleft()
            if waiting.since < oldest:
                waiting.settle(Overloaded())
                continue
            if taken.isdisjoint(waiting.claims):
                batch.append(waiting)
                lines += waiting.command.lines()
            else:
                left.append(waiting)
            taken.update(waiting.claims)
        left.extend(self._queue)
        self._queue = left
        metrics.queue(len(left))
        for waiting in batch:
            self._busy.update(waiting.claims)
        return batch

    def _share(self) -> int:
        """How many of the commands that wait one writer takes: its share of all, so that the other is not idle long."""
        return max(CROWD, -(-(len(self._queue) + self._under_way) // WRITERS))

    async def _commit(self, batch: list[_Waiting]) -> None:
        results = await self._results([waiting.command for waiting in batch])
        settled: list[_Waiting] = []
        for waiting, result in zip(batch, results, strict=True):
            if isinstance(result, Straggler):
                self._spawn(self._commit_alone(waiting))
            else:
                waiting.settle(result)
                settled.append(waiting)
        self._release(settled)

    async def _commit_alone(self, waiting: _Waiting) -> None:
        metrics.straggler_began()
        try:
            async with self._alone:
                waiting.settle((await self._results([waiting.command], wait=True))[0])
        finally:
            metrics.straggler_ended()
        self._release([waiting])

    async def _results(self, commands: list[Command], *, wait: bool = False) -> list[Result]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            results = await carry_out(self._path, commands, wait=wait)
            if any(isinstance(result, Done) and not result.replayed for result in results):
                self._after_commit()
            return results
        except Exception as error:  # a bug: its callers must hear of it, and the writer must go on
            return [error] * len(commands)
        finally:
            metrics.batch(len(commands), loop.time() - began)

    def _release(self, batch: Sequence[_Waiting]) -> None:
        for waiting in batch:
            self._busy.difference_update(waiting.claims)
        self._go_on()


async def _ended(answer: asyncio.Future[Done]) -> Done | Exception:
    try:
        return await answer
    except Exception as error:
        return error
