"""Background work: its parts run side by side for as long as the process lives; one that breaks begins again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

from vendorpay import observe
from vendorpay.domain.errors import DatabaseUnavailable, Overloaded

PAUSE_S_MIN: Final = 0.25
PAUSE_S_MAX: Final = 30.0
STEADY_S: Final = 60.0
"""After so long without a fault the next pause is the shortest again."""


class Part(Protocol):
    """One kind of background work."""

    @property
    def name(self) -> str:
        """What the log calls it."""
        ...

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set, then ends in order. May raise: it is started again."""
        ...


async def run(parts: Sequence[Part], stop: asyncio.Event) -> None:
    """Runs all parts until `stop` is set and every one of them has ended; none takes another one with it."""
    await asyncio.gather(*(_kept_running(part, stop) for part in parts))


async def _kept_running(part: Part, stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    pause_s = PAUSE_S_MIN
    while not stop.is_set():
        began = loop.time()
        try:
            await part.run(stop)
        except (DatabaseUnavailable, Overloaded):
            observe.warning("background work waits for the database", part=part.name, retry_in_s=pause_s)
        except Exception as error:  # a bug of one part must neither stop the others nor end it for good
            observe.failed("background work broke", part=part.name, retry_in_s=pause_s, **observe.facts_of(error))
        else:
            if stop.is_set():
                return
            observe.failed("background work ended by itself", part=part.name, retry_in_s=pause_s)
        if loop.time() - began > STEADY_S:
            pause_s = PAUSE_S_MIN
        await wait(stop, pause_s)
        pause_s = min(PAUSE_S_MAX, pause_s * 2)


async def wait(stop: asyncio.Event, seconds: float) -> bool:
    """Waits for so long, or until `stop` is set; whether it is."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return False
    return True
