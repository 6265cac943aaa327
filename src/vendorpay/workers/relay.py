"""The relay: brings events to whom they are for, at least once, and in the order of each aggregate (correctness.md 15).

Any number of relays share the work on one database. One that dies repeats nothing that was recorded and loses nothing:
its leases run out, and the others go on from what is pending.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final
from uuid import UUID

from vendorpay import observe
from vendorpay.domain.errors import DatabaseUnavailable, Overloaded
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.relay_in_hand import InHand
from vendorpay.usecases.relay_leases import LEASE_S, RENEWALS_PER_LEASE, Leases
from vendorpay.usecases.relay_poll import poll
from vendorpay.usecases.relay_target import Target
from vendorpay.workers.delivering import Delivering

IDLE_S: Final = 0.2
"""How long it waits before it looks again when there was nothing to do and nobody nudges it."""
POLL_S_MIN: Final = 0.01
"""How far apart two looks are at least."""
STOP_S: Final = 5.0
"""How long deliveries under way may still take when the process is to end."""
GIVE_BACK_S: Final = 3.0
PAUSE_S_MIN: Final = 0.2
PAUSE_S_MAX: Final = 5.0

Step = Callable[[], Awaitable[None]]


class Relay:
    """One relay; `holder` names it among all that ever run on the database. A part of the background work."""

    name = "relay"

    def __init__(
        self,
        deps: Deps,
        targets: Sequence[Target],
        holder: str,
        *,
        lease_s: float = LEASE_S,
        idle_s: float = IDLE_S,
        stop_s: float = STOP_S,
    ) -> None:
        self._deps = deps
        self._targets = {target.kind: target for target in targets}
        self._holder = holder
        self._lease_s = lease_s
        self._idle_s = idle_s
        self._stop_s = stop_s
        self._wake = asyncio.Event()
        self._announced = asyncio.Event()
        self._out = False

    async def announced(self) -> None:
        """Returns when its targets have subscribed: what is numbered from then on is in line for them."""
        await self._announced.wait()

    def nudge(self) -> None:
        """Says that something may be due: it looks at once."""
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set; then it finishes what is under way and gives its leases back, within seconds.

        While the database is away it waits. Raises DatabaseUnavailable or Overloaded when it cannot even begin. When it
        is cancelled, nothing is given back: that is as if the process had died.
        """
        for target in self._targets.values():
            await target.prepare()
        self._announced.set()
        in_hand = InHand()
        leases = Leases(self._deps.database, self._holder, self._lines(), in_hand.is_busy, lease_s=self._lease_s)
        delivering = Delivering(self._deps, self._targets, self._holder, in_hand, leases, self.nudge)
        looking = _Loop(lambda: self._look(leases, in_hand, delivering), self._steady)
        keeping = _Loop(lambda: self._keep(leases, in_hand), self._steady)
        recording = _Loop(delivering.record, self._steady)
        try:
            await stop.wait()
            await looking.end()
            await delivering.finish(self._stop_s)
        finally:
            await asyncio.gather(looking.end(), keeping.end(), recording.end())
            await delivering.drop()
        await self._give_back(leases)

    def _lines(self) -> list[str]:
        """What this relay can serve, as the leases call it."""
        lines: list[str] = []
        for target in self._targets.values():
            names = target.names
            lines += [target.kind] if names is None else [f"{target.kind}:{name}" for name in sorted(names)]
        return lines

    async def _look(self, leases: Leases, in_hand: InHand, delivering: Delivering) -> None:
        self._wake.clear()
        polled = await poll(self._deps.database, leases.usable(), in_hand)
        delivering.begin(polled.handed)
        await asyncio.sleep(POLL_S_MIN)
        if not polled.more:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._idle_s):
                    await self._wake.wait()

    async def _keep(self, leases: Leases, in_hand: InHand) -> None:
        await leases.keep()
        held = leases.usable().values()
        at_once: dict[UUID, int] = {}
        for target in self._targets.values():
            ids = {lease.shard.subscription_id for lease in held if lease.kind == target.kind}
            if ids:
                at_once |= await target.at_once(sorted(ids))
        in_hand.allow(at_once)
        self.nudge()
        await asyncio.sleep(self._lease_s / RENEWALS_PER_LEASE)

    async def _steady(self, step: Step, pause_s: float) -> bool:
        """Takes a step; whether it went well. The log hears once that the database is away, once that it is back."""
        try:
            await step()
        except (DatabaseUnavailable, Overloaded):
            if not self._out:
                observe.warning("the relay waits for the database", retry_in_s=pause_s)
            self._out = True
            return False
        except Exception as error:  # a bug must not end the delivery of everything
            observe.failed("the relay failed", retry_in_s=pause_s, **observe.facts_of(error))
            return False
        if self._out:
            observe.info("the relay works again")
        self._out = False
        return True

    async def _give_back(self, leases: Leases) -> None:
        giving = asyncio.create_task(leases.give_back())
        await asyncio.wait([giving], timeout=GIVE_BACK_S)
        if not giving.done():
            giving.cancel()
        elif error := giving.exception():
            if not isinstance(error, DatabaseUnavailable | Overloaded):
                raise error
            observe.warning("leases were not given back: they run out by themselves")


class _Loop:
    """Takes a step again and again until it is ended; after a step that failed it pauses, longer each time."""

    def __init__(self, step: Step, steady: Callable[[Step, float], Awaitable[bool]]) -> None:
        self._step = step
        self._steady = steady
        self._ending = False
        self._task = asyncio.create_task(self._run())

    async def end(self) -> None:
        """Ends it, in the middle of a step too."""
        self._ending = True
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        pause_s = PAUSE_S_MIN
        while not self._ending:  # a step may swallow its cancellation, as asyncio.wait_for does in Python 3.11
            if await self._steady(self._step, pause_s):
                pause_s = PAUSE_S_MIN
            else:
                await asyncio.sleep(pause_s)
                pause_s = min(PAUSE_S_MAX, pause_s * 2)
