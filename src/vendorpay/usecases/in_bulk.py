"""Many commands of one request, each for itself: in chunks, in their order, with one bad item never failing others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from vendorpay.domain.errors import DatabaseUnavailable, Overloaded
from vendorpay.usecases.command import Command, Commands, Done, Facts, Key, Outcome

AT_ONCE_MAX: Final = 256
"""How many commands of one request are handed in together; the rest wait, so that others get their turn."""
UNAVAILABLE: Final = (Overloaded, DatabaseUnavailable)

ItemResult = Done | Exception
"""What became of one item: its answer, or the error it was refused with."""


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


async def submit_in_chunks(commands: Commands, wanted: Iterable[Command | Exception]) -> list[ItemResult]:
    """What became of each item, in their order; an item that is an error already keeps its place.

    Raises Overloaded or DatabaseUnavailable when nothing but that became of all of them.
    """
    coming = iter(wanted)
    results: list[ItemResult] = []
    away: Overloaded | DatabaseUnavailable | None = None
    while chunk := list(islice(coming, AT_ONCE_MAX)):
        asked = [one for one in chunk if isinstance(one, Command)]
        if away is not None:
            # Each chunk more would wait for its turn, or for a connection, as long as the one before: for nothing.
            done: list[ItemResult] = [type(away)() for _ in asked]
        else:
            done = await commands.submit_each(asked) if asked else []
            away = _unavailable(done)
        found = iter(done)
        results += [next(found) if isinstance(one, Command) else one for one in chunk]
    if away is not None and all(isinstance(one, UNAVAILABLE) for one in results):
        raise away
    return results


def _unavailable(done: Sequence[ItemResult]) -> Overloaded | DatabaseUnavailable | None:
    """The error that every one of them ended with, when it says that nothing can be done now."""
    if not all(isinstance(one, UNAVAILABLE) for one in done):
        return None
    return next((one for one in done if isinstance(one, UNAVAILABLE)), None)


def all_replayed(results: Iterable[ItemResult]) -> bool:
    """Whether every item was answered before, under the same key."""
    return all(isinstance(one, Done) and one.replayed for one in results)
