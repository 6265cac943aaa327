"""The sequencer: soon after a commit its events and audit entries have their positions.

Several may run on one database: one of them numbers, the others find it busy and stand by.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
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


class Sequencer:
    """One sequencer, a part of the background work; `on_numbered` is called when events have got their positions."""

    name = "sequencer"

    def __init__(self, database: Database, *, on_numbered: Callable[[], None] = lambda: None) -> None:
        self._numbering = Numbering(database)
        self._on_numbered = on_numbered
        self._wake = asyncio.Event()

    def nudge(self) -> None:
        """Says that something was committed: it looks at once."""
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Numbers until `stop` is set. Raises DatabaseUnavailable or Overloaded; nothing is lost by that."""
        stopping = asyncio.create_task(stop.wait())
        stopping.add_done_callback(lambda _: self.nudge())
        try:
            await self._passes(stop)
        finally:
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
