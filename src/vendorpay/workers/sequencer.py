"""The sequencer: soon after a commit its events and audit entries have their positions.

Several may run on one database: one of them numbers, the others find it busy and stand by. An event is put in line
when it is numbered, for those who are subscribed by then: so a sequencer beside a relay begins `after` that one has
announced its own subscriptions. Else, in a new database, the first events would be in line for nobody, for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from vendorpay.store.db import Database
from vendorpay.store.sequencer import PassOutcome, Stream
from vendorpay.usecases.number_positions import Numbering

PAUSE_S_MIN: Final = 0.02
"""How far apart two passes are at least: what comes after a quiet time has its position so soon."""
BUSY_PAUSE_S: Final = 0.2
"""How far apart they come to be while every one finds something, for a pass costs as much as a few payments."""
PAUSE_S_MAX: Final = 0.25
"""How long it waits when there was nothing to do and nobody nudges it: what other processes commit is found so."""
AUDIT_PAUSE_S: Final = 1.0
"""How far apart passes over the audit log are: only checkpoints wait for them."""


async def _at_once() -> None:
    """Nobody has to be waited for."""


class Sequencer:
    """One sequencer, a part of the background work; `on_numbered` is called when events have got their positions.

    It begins when `after` has returned.
    """

    name = "sequencer"

    def __init__(
        self,
        database: Database,
        *,
        after: Callable[[], Awaitable[None]] = _at_once,
        on_numbered: Callable[[], None] = lambda: None,
    ) -> None:
        self._numbering = Numbering(database)
        self._after = after
        self._on_numbered = on_numbered
        self._wake = asyncio.Event()

    def nudge(self) -> None:
        """Says that something was committed: it looks at once."""
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Numbers until `stop` is set. Raises DatabaseUnavailable or Overloaded; nothing is lost by that."""
        stopping = asyncio.create_task(stop.wait())
        stopping.add_done_callback(lambda _: self.nudge())
        beginning = asyncio.ensure_future(self._after())
        try:
            done, _ = await asyncio.wait({stopping, beginning}, return_when=asyncio.FIRST_COMPLETED)
            if beginning in done:
                beginning.result()
            await self._passes(stop)
        finally:
            beginning.cancel()
            stopping.cancel()

    async def _passes(self, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        pause_s = least_s = PAUSE_S_MIN
        audit_at = loop.time()
        while not stop.is_set():
            self._wake.clear()  # before looking: who nudges from now on may have committed too late to be seen
            feed = await self._numbering.number(Stream.FEED)
            if feed.numbered:
                self._on_numbered()
            more = feed.outcome is PassOutcome.MORE
            if loop.time() >= audit_at:
                audit_more = await self._numbering.step(Stream.AUDIT)
                audit_at = loop.time() + (0 if audit_more else AUDIT_PAUSE_S)
                more = more or audit_more
            if more:
                continue
            least_s = min(BUSY_PAUSE_S, least_s * 2) if feed.numbered else PAUSE_S_MIN
            pause_s = PAUSE_S_MIN if feed.numbered else min(PAUSE_S_MAX, pause_s * 2)
            await self._rest(least_s, pause_s)

    async def _rest(self, least_s: float, pause_s: float) -> None:
        """The shorter pause in any case, for crowds nudge often; then up to the longer one."""
        await asyncio.sleep(least_s)
        try:
            await asyncio.wait_for(self._wake.wait(), pause_s - least_s)
        except TimeoutError:
            return
