"""Publish our events on the bus, for whoever listens there: what is under way at once goes in groups of ten.

The relay keeps the order of each payment, counts tries and gives up; this target only gathers, sends, and tells of each
event what the bus said of it. The bus gets an event at least once: `eventId` in its detail stays the same.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from vendorpay import observe
from vendorpay.domain.feed import SOURCE, bus_detail
from vendorpay.domain.retries import BUS, Schedule
from vendorpay.ports import BUS_BYTES_MAX, BUS_ENTRIES_MAX, BusEntry, BusUnavailable, EventBus
from vendorpay.store import relay_leases
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.relay_target import AttemptLog, Dead, Delivered, Due, Failed, Paused, Result

SUBSCRIPTION: Final = "events"
SHARDS: Final = 16
SENDERS_MAX: Final = 4
"""How many requests are under way at once."""
AT_ONCE: Final = 2 * SENDERS_MAX * BUS_ENTRIES_MAX
"""While each sender waits for its answer, as much again gathers."""
AWAY_S: Final = 5.0
"""How long an event waits when the bus is away."""


@dataclass(frozen=True, eq=False)
class _Waiting:
    entry: BusEntry
    result: asyncio.Future[Result]


class BusTarget:
    """What the relay hands the events for the bus to (a Target): those of every organisation, and of every type."""

    kind = "bus"
    names: frozenset[str] | None = None

    def __init__(self, deps: Deps, bus: EventBus, *, schedule: Schedule = BUS, away_s: float = AWAY_S) -> None:
        self._deps = deps
        self._bus = bus
        self._schedule = schedule
        self._away_s = away_s
        self._waiting: deque[_Waiting] = deque()
        self._senders: set[asyncio.Task[None]] = set()
        self._is_away = False

    @property
    def schedule(self) -> Schedule:
        """For a day, unless it was made with another one."""
        return self._schedule

    async def prepare(self) -> None:
        """Subscribes the bus to everything; it gets events from then on."""
        now = self._deps.now()
        async with self._deps.database.reading() as connection, connection.transaction():
            await relay_leases.announce(
                connection, self._deps.new_id(now), self.kind, SUBSCRIPTION, event_types=(), shards=SHARDS, now=now
            )

    async def at_once(self, subscription_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        """A few full groups."""
        return dict.fromkeys(subscription_ids, AT_ONCE)

    async def deliver(self, due: Due) -> Result:
        """Puts one event on the bus, together with others; what is larger than the bus takes can never be."""
        event = due.event
        entry = BusEntry(source=SOURCE, detail_type=event.event_type, at=event.occurred_at, detail=bus_detail(event))
        if entry.size_bytes > BUS_BYTES_MAX:
            reason = f"the bus takes {BUS_BYTES_MAX} bytes, and the event has {entry.size_bytes}"
            return Dead(reason=reason, log=AttemptLog(duration_ms=0, error=reason))
        waiting = _Waiting(entry, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if len(self._senders) < SENDERS_MAX:
            sender = asyncio.create_task(self._send_what_waits())
            self._senders.add(sender)
            sender.add_done_callback(self._senders.discard)
        return await waiting.result

    async def aclose(self) -> None:
        """Ends what is still being sent: the relay has given up waiting for it, and it goes again."""
        for sender in self._senders:
            sender.cancel()
        await asyncio.gather(*self._senders, return_exceptions=True)

    async def _send_what_waits(self) -> None:
        await asyncio.sleep(0)  # what begins in the same moment goes in the same group
        while group := self._next_group():
            for waiting, result in zip(group, await self._results([one.entry for one in group]), strict=True):
                if not waiting.result.done():  # the relay may have given up waiting
                    waiting.result.set_result(result)

    def _next_group(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        size_bytes = 0
        while self._waiting and len(group) < BUS_ENTRIES_MAX:
            if self._waiting[0].result.done():
                self._waiting.popleft()
                continue
            size_bytes += self._waiting[0].entry.size_bytes
            if size_bytes > BUS_BYTES_MAX:
                break
            group.append(self._waiting.popleft())
        return group

    async def _results(self, entries: Sequence[BusEntry]) -> list[Result]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            refusals = await self._bus.put(entries)
        except BusUnavailable as error:
            if not self._is_away:
                observe.warning("the bus is away", retry_in_s=self._away_s, fault=str(error))
            self._is_away = True
            return [Paused(reason="the bus is away", retry_after_s=self._away_s) for _ in entries]
        except Exception as error:  # a bug of the adapter's must not leave the events of this group waiting for ever
            observe.failed("the bus broke", **observe.facts_of(error))
            return [_refused(type(error).__name__, 0) for _ in entries]
        if self._is_away:
            observe.info("the bus is back")
        self._is_away = False
        duration_ms = round((loop.time() - began) * 1000)
        return [Delivered() if refusal is None else _refused(refusal, duration_ms) for refusal in refusals]


def _refused(refusal: str, duration_ms: int) -> Failed:
    reason = f"the bus refused it: {refusal}"
    return Failed(reason=reason, log=AttemptLog(duration_ms=duration_ms, error=reason))
