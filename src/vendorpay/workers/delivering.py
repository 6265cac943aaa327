"""The deliveries under way, each a task of its own, and the recording of what came of them, many in one statement."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Final

from vendorpay import metrics, observe
from vendorpay.domain.errors import DatabaseUnavailable, Overloaded
from vendorpay.store import deliveries
from vendorpay.store.deliveries import Said
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.relay_in_hand import Handed, InHand
from vendorpay.usecases.relay_leases import Leases
from vendorpay.usecases.relay_results import NOBODYS_FAULT, result_of, said_of
from vendorpay.usecases.relay_target import Dead, Failed, Paused, Result, Target

RECORDED_MAX: Final = 256
"""How many results go in one statement."""

_GONE: Final = Dead(reason="the event is not in the outbox any more")
_UNSTORABLE: Final = Failed(reason="what came of it could not be stored")


class Delivering:
    """Deliveries from the moment they are in hand until their result is recorded. `ended` is told of each of them."""

    def __init__(
        self,
        deps: Deps,
        targets: Mapping[str, Target],
        holder: str,
        in_hand: InHand,
        leases: Leases,
        ended: Callable[[], None],
    ) -> None:
        self._deps = deps
        self._targets = targets
        self._holder = holder
        self._in_hand = in_hand
        self._leases = leases
        self._ended = ended
        self._tasks: set[asyncio.Task[None]] = set()
        self._results: dict[Said, Handed] = {}
        self._told = asyncio.Event()
        self._progress = asyncio.Event()

    def begin(self, handed: Iterable[Handed]) -> None:
        """Starts delivering what was taken in hand."""
        for one in handed:
            task = asyncio.create_task(self._deliver(one))
            self._tasks.add(task)
            task.add_done_callback(self._task_ended)

    async def record(self) -> None:
        """Records the results there are, waiting for one. Raises what the database raises; then nothing is lost."""
        await self._told.wait()
        while batch := list(self._results)[:RECORDED_MAX]:
            try:
                await self._write(batch)
            except (DatabaseUnavailable, Overloaded):
                raise
            except Exception as error:  # one result that the schema refuses must not hold up the others
                observe.failed("results of deliveries were refused", count=len(batch), **observe.facts_of(error))
                for said in batch:
                    await self._write_alone(said)
            self._progress.set()
            self._ended()
        self._told.clear()

    async def finish(self, seconds: float) -> None:
        """Waits for the deliveries under way and the recording of their results, at most so long; the rest is dropped.

        What is dropped is delivered again, by whoever gets the lease.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._tasks or self._results:  # the recording goes on beside this
                    self._progress.clear()
                    await self._progress.wait()

    async def drop(self) -> None:
        """Ends what is still under way, without a result."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._progress.set()

    async def _deliver(self, handed: Handed) -> None:
        target = self._targets[handed.lease.kind]
        began, began_at = asyncio.get_running_loop().time(), self._deps.now()
        if not self._leases.still(handed.lease):
            self._in_hand.drop(handed)  # we were stopped for long, and others may be at it
            return
        result = await self._result(handed, target)
        said = said_of(handed, result, target.schedule, began_at)
        if not isinstance(result, Paused):
            outcome = "retry" if said.state == "pending" else said.state
            metrics.delivery(target.kind, outcome, asyncio.get_running_loop().time() - began)
        if said.state == "dead":
            observe.warning(
                "a delivery was given up", part=handed.lease.line, event_id=handed.event_id, attempt=said.attempts + 1
            )
        self._results[said] = handed
        self._told.set()

    async def _result(self, handed: Handed, target: Target) -> Result:
        if handed.due is None:
            return _GONE
        try:
            return await target.deliver(handed.due)
        except Exception as error:  # a target's bug fails its delivery, and nothing else
            if not isinstance(error, NOBODYS_FAULT):
                observe.failed("a target broke", part=target.kind, **observe.facts_of(error))
            return result_of(error)

    async def _write(self, batch: list[Said]) -> None:
        async with self._deps.database.reading() as connection:
            recorded = await deliveries.record(connection, self._holder, batch)
        for said in batch:
            self._in_hand.drop(self._results.pop(said))
            if said.delivery_id not in recorded:  # the shard, or the delivery, is somebody else's by now
                self._leases.doubt(said.shard)

    async def _write_alone(self, said: Said) -> None:
        try:
            await self._write([said])
        except (DatabaseUnavailable, Overloaded):
            raise
        except Exception as error:  # told above; a failed try without a log keeps it from coming back at once, for ever
            handed = self._results.pop(said)
            schedule = self._targets[handed.lease.kind].schedule
            plain = said_of(handed, _UNSTORABLE, schedule, said.attempted_at)
            observe.failed("a result was refused", event_id=handed.event_id, **observe.facts_of(error))
            self._results[plain] = handed
            await self._write([plain])
