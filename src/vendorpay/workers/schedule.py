"""What is done every so often, as a table; each row is one use case."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from vendorpay import observe
from vendorpay.domain.errors import DatabaseUnavailable, Overloaded
from vendorpay.workers.background import wait


@dataclass(frozen=True, kw_only=True)
class Timer:
    """`step` is run at the start, and again `every_s` seconds after it ended; it says whether more is waiting.

    Every process with background work runs every timer: a step that must not run twice at once takes a lock itself.
    """

    name: str
    every_s: float
    step: Callable[[], Awaitable[bool]]


class Timers:
    """All timers, side by side. One that fails is tried again at its next time."""

    name = "timers"

    def __init__(self, timers: Sequence[Timer]) -> None:
        self._timers = timers

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set; a step that is under way then is finished."""
        await asyncio.gather(*(_repeated(timer, stop) for timer in self._timers), stop.wait())


async def _repeated(timer: Timer, stop: asyncio.Event) -> None:
    while not stop.is_set():
        more = False
        try:
            more = await timer.step()
        except (DatabaseUnavailable, Overloaded):
            observe.warning("a timer waits for the database", part=timer.name, retry_in_s=timer.every_s)
        except Exception as error:  # the other timers go on, and so does this one at its next time
            observe.failed("a timer failed", part=timer.name, retry_in_s=timer.every_s, **observe.facts_of(error))
        await wait(stop, 0 if more else timer.every_s)
