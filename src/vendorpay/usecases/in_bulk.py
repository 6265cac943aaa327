"""Many commands of one request, each for itself: in chunks, in their order, with one bad item never failing others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from vendorpay.domain.errors import DatabaseUnavailable, Overloaded
from vendorpay.usecases.command import Command, Commands, Done, Facts, Key, Outcome
from vendorpay.usecases.pace import Pace

AT_ONCE_MAX: Final = 256
"""How many commands of one request are handed in together; the rest wait, so that others get their turn."""
UNAVAILABLE: Final = (Overloaded, DatabaseUnavailable)

ItemResult = Done | Exception
"""What became of one item: its answer, or the error it was refused with."""

AnswerToTwin = Callable[[ItemResult], ItemResult | None]
"""The answer to an item when this just became of one that claims the same; None when it must be asked for."""

_PENDING: Final = Overloaded()
"""Holds the place of an item until it has ended."""


@dataclass(frozen=True, kw_only=True)
class TakeOn(Command):
    """The request as a whole, remembered under its key before anything of it is done.

    Its items cannot stand for it: the first may be refused, and what is refused is not remembered. Another request
    under the key then is found out at once, and not when half of it is done.
    """

    def decide(self, facts: Facts) -> Outcome:
        return Outcome(answer=b"{}", payment_id=None)


def item_key(key: Key | None, n: int) -> Key | None:
    """The key of the item at place n (correctness.md 1)."""
    return None if key is None else Key(text=f"{key.text}#{n}", fingerprint=key.fingerprint)


async def submit_in_chunks(
    commands: Commands, wanted: Iterable[Command | Exception], answer_to_twin: AnswerToTwin = lambda _: None
) -> list[ItemResult]:
    """What became of each item, in their order; an item that is an error already keeps its place.

    No two that claim the same are handed in together: each would ride in a batch of its own, and the last of many
    could wait for longer than a command may. Raises Overloaded or DatabaseUnavailable when nothing but that became of
    all of them.
    """
    crowd = _Crowd(iter(wanted), answer_to_twin)
    away: Overloaded | DatabaseUnavailable | None = None
    while chunk := await crowd.next_chunk():
        if away is not None:
            # Each chunk more would wait for its turn, or for a connection, as long as the one before: for nothing.
            done: list[ItemResult] = [type(away)() for _ in chunk]
        else:
            done = await commands.submit_each([one.command for one in chunk])
            away = _unavailable(done)
        crowd.settle(chunk, done)
    if away is not None and all(isinstance(one, UNAVAILABLE) for one in crowd.results):
        raise away
    return crowd.results


class _Place(msgspec.Struct, frozen=True):
    n: int
    command: Command
    claims: frozenset[object]


class _Crowd:
    """The items of one request, and what became of those that have ended."""

    def __init__(self, coming: Iterator[Command | Exception], answer_to_twin: AnswerToTwin) -> None:
        self.results: list[ItemResult] = []
        self._coming = coming
        self._answer_to_twin = answer_to_twin
        self._ended: dict[object, ItemResult] = {}
        self._left: list[_Place] = []
        self._pace = Pace()

    async def next_chunk(self) -> list[_Place]:
        """The next to be handed in, in their order; empty at the end. What waits for a twin before it is among the
        AT_ONCE_MAX."""
        chunk: list[_Place] = []
        taken: set[object] = set()
        left, self._left = self._left, []
        for one in left:
            self._put(one, chunk, taken)
        while len(chunk) + len(self._left) < AT_ONCE_MAX and (item := next(self._coming, None)) is not None:
            n = len(self.results)
            if isinstance(item, Command):
                self.results.append(_PENDING)
                self._put(_Place(n, item, frozenset(item.claims())), chunk, taken)
            else:
                self.results.append(item)
            await self._pace.step()
        await self._pace.step()
        return chunk

    def settle(self, chunk: Sequence[_Place], done: Sequence[ItemResult]) -> None:
        for one, result in zip(chunk, done, strict=True):
            self.results[one.n] = result
            self._ended.update(dict.fromkeys(one.claims, result))

    def _put(self, one: _Place, chunk: list[_Place], taken: set[object]) -> None:
        if (answer := self._from_twin(one)) is not None:
            self.results[one.n] = answer
            return
        (chunk if taken.isdisjoint(one.claims) else self._left).append(one)
        taken.update(one.claims)

    def _from_twin(self, one: _Place) -> ItemResult | None:
        ended = (self._ended[claim] for claim in one.claims if claim in self._ended)
        return next((answer for before in ended if (answer := self._answer_to_twin(before)) is not None), None)


def _unavailable(done: Sequence[ItemResult]) -> Overloaded | DatabaseUnavailable | None:
    """The error that every one of them ended with, when it says that nothing can be done now."""
    if not all(isinstance(one, UNAVAILABLE) for one in done):
        return None
    return next((one for one in done if isinstance(one, UNAVAILABLE)), None)


def all_replayed(results: Iterable[ItemResult]) -> bool:
    """Whether every item was answered before, under the same key."""
    return all(isinstance(one, Done) and one.replayed for one in results)
