"""Group reading: questions that come while others are being answered are asked together next.

As with group commit there is no timer: a question that finds nobody asking is asked at once, alone. Whoever asks gets
an answer that was read after the question came, so that everybody reads what they wrote.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from itertools import islice
from typing import Final, Generic, TypeVar

import msgspec

from vendorpay.domain.errors import DatabaseUnavailable, Overloaded

Question = TypeVar("Question", bound=Hashable)
Answer = TypeVar("Answer")

TOGETHER_MAX: Final = 64
ASKERS_MAX: Final = 2
WAITING_MAX: Final = 4096
"""How many different questions wait at most."""
WAIT_S_MAX: Final = 10.0
"""How long a question may wait for its turn."""


class Gathered(Generic[Question, Answer]):
    """Questions of one kind; `read` answers several at once, in their order."""

    def __init__(
        self,
        read: Callable[[Sequence[Question]], Awaitable[Sequence[Answer]]],
        *,
        together_max: int = TOGETHER_MAX,
        askers_max: int = ASKERS_MAX,
    ) -> None:
        """At most `together_max` different questions are asked at once, by at most `askers_max`."""
        self._read = read
        self._together_max = together_max
        self._askers_max = askers_max
        self._askers = 0
        self._waiting: dict[Question, _Waiting[Answer]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, question: Question) -> Answer:
        """The answer; whoever asks the same meanwhile shares it.

        Raises what `read` raises; Overloaded when too many wait, or its turn did not come in time.
        """
        if self._askers < self._askers_max:
            self._askers += 1
            try:
                return (await self._read([question]))[0]
            finally:
                self._askers -= 1
                self._go_on()
        waiting = self._waiting.get(question)
        loop = asyncio.get_running_loop()
        if waiting is None:
            if len(self._waiting) >= WAITING_MAX:
                raise Overloaded
            waiting = self._waiting[question] = _Waiting(loop.time())
        answer: asyncio.Future[Answer] = loop.create_future()
        waiting.answers.append(answer)
        return await answer

    def _go_on(self) -> None:
        if self._waiting and self._askers < self._askers_max:
            self._askers += 1
            task = asyncio.create_task(self._ask_waiting())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _ask_waiting(self) -> None:
        """Asks until nobody waits; a caller that hung up, or a question that fails, ends no other's.

        But where there is no database, those who wait need not find that out one after the other.
        """
        try:
            while questions := self._next():
                asked = [self._waiting.pop(question) for question in questions]
                try:
                    answers = await self._read(questions)
                except DatabaseUnavailable as error:
                    _refuse([*asked, *self._waiting.values()], error)
                    self._waiting.clear()
                except Exception as error:
                    await self._alone(questions, asked, error)
                else:
                    for waiting, answer in zip(asked, answers, strict=True):
                        _tell(waiting, answer)
        finally:
            self._askers -= 1

    async def _alone(self, questions: Sequence[Question], asked: Sequence[_Waiting[Answer]], error: Exception) -> None:
        """Asks one by one what failed together, for one of them may be the reason; but not where all is too slow."""
        if len(questions) == 1 or isinstance(error, Overloaded):
            _refuse(asked, error)
            return
        for n, (question, waiting) in enumerate(zip(questions, asked, strict=True)):
            try:
                (answer,) = await self._read([question])
            except (DatabaseUnavailable, Overloaded) as away:
                _refuse(asked[n:], away)
                return
            except Exception as own:
                _refuse([waiting], own)
            else:
                _tell(waiting, answer)

    def _next(self) -> list[Question]:
        """The questions that are asked now; those that have waited too long are refused."""
        oldest = asyncio.get_running_loop().time() - WAIT_S_MAX
        while self._waiting:
            question, waiting = next(iter(self._waiting.items()))
            if waiting.since >= oldest:
                break
            del self._waiting[question]
            _refuse([waiting], Overloaded())
        return [*islice(self._waiting, self._together_max)]


class _Waiting(msgspec.Struct, Generic[Answer]):
    """Those who wait for the answer to one question, and since when the first of them does."""

    since: float
    answers: list[asyncio.Future[Answer]] = msgspec.field(default_factory=list)

    def unsettled(self) -> list[asyncio.Future[Answer]]:
        return [future for future in self.answers if not future.done()]


def _tell(waiting: _Waiting[Answer], answer: Answer) -> None:
    for future in waiting.unsettled():
        future.set_result(answer)


def _refuse(asked: Iterable[_Waiting[Answer]], error: Exception) -> None:
    for waiting in asked:
        for future in waiting.unsettled():
            future.set_exception(error)
