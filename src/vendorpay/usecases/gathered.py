"""Group reading: questions that come while others are being answered are asked together next.

As with group commit there is no timer: a question that finds nobody asking is asked at once, alone. Whoever asks gets
an answer that was read after the question came, so that everybody reads what they wrote.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from itertools import islice
from typing import Final, Generic, TypeVar

Question = TypeVar("Question", bound=Hashable)
Answer = TypeVar("Answer")

TOGETHER_MAX: Final = 64
ASKERS_MAX: Final = 2


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
        self._waiting: dict[Question, list[asyncio.Future[Answer]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, question: Question) -> Answer:
        """The answer; whoever asks the same meanwhile shares it. Raises what `read` raises."""
        if self._askers < self._askers_max:
            self._askers += 1
            try:
                return (await self._read([question]))[0]
            finally:
                self._askers -= 1
                self._go_on()
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(question, []).append(answer)
        return await answer

    def _go_on(self) -> None:
        if self._waiting and self._askers < self._askers_max:
            self._askers += 1
            task = asyncio.create_task(self._ask_waiting())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _ask_waiting(self) -> None:
        """Asks until nobody waits; a caller that hung up, or an error, ends no other's question."""
        try:
            while questions := [*islice(self._waiting, self._together_max)]:
                asked = [self._waiting.pop(question) for question in questions]
                try:
                    answers = await self._read(questions)
                except Exception as error:
                    for future in _unsettled(asked):
                        future.set_exception(error)
                else:
                    for futures, answer in zip(asked, answers, strict=True):
                        for future in _unsettled([futures]):
                            future.set_result(answer)
        finally:
            self._askers -= 1


def _unsettled(asked: Sequence[Sequence[asyncio.Future[Answer]]]) -> list[asyncio.Future[Answer]]:
    return [future for futures in asked for future in futures if not future.done()]
