"""What is done every so often, as a table; each row is one use case."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from vendorpay import metrics, observe
from vendorpay.domain.errors import DatabaseUnavailable, Overloaded
from vendorpay.usecases import (
    approve_automatically,
    escalate_approvals,
    fill_fraud_history,
    replay_events,
    score_payment,
    tidy_webhooks,
    upkeep,
    write_checkpoint,
)
from vendorpay.usecases.deps import Deps
from vendorpay.workers.background import wait


@dataclass(frozen=True, kw_only=True)
class Timer:
    """`step` is taken at the start, at once again while it says that more is waiting, and else `every_s` later.

    Every process with background work has every timer: a step takes a lock for what must not be done twice at once.
    What `write_checkpoint` hands over it does not lock: it may hand a command the same checkpoint twice.
    """

    name: str
    every_s: float
    step: Callable[[Deps], Awaitable[bool]]


def schedule(*, checkpoint_every_s: float | None, scoring: bool = True) -> tuple[Timer, ...]:
    """All timers. Where checkpoints have no place (None) there is no timer for them: it would count successes. Where
    nothing is scored the fraud history has nobody who would read it: its gaps are filled once scoring is on.
    """
    timers = [
        Timer(name="replay_events", every_s=1, step=replay_events.step),
        Timer(name="upkeep", every_s=60, step=upkeep.step),
        Timer(name="score_again", every_s=30, step=score_payment.step),
        Timer(name="tidy_webhooks", every_s=60, step=tidy_webhooks.step),
        Timer(name="approve_automatically", every_s=1, step=approve_automatically.step),
        Timer(name="escalate_approvals", every_s=60, step=escalate_approvals.step),
    ]
    if scoring:
        timers.append(Timer(name="fill_fraud_history", every_s=3600, step=fill_fraud_history.step))
    if checkpoint_every_s is not None:
        timers.append(Timer(name="write_checkpoint", every_s=checkpoint_every_s, step=write_checkpoint.step))
    return tuple(timers)


class Timers:
    """Timers side by side, a part of the background work. One that fails is tried again at its next time."""

    name = "timers"

    def __init__(self, deps: Deps, timers: Sequence[Timer]) -> None:
        self._deps = deps
        self._timers = timers

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set; a step that is under way then is finished."""
        await asyncio.gather(*(self._repeated(timer, stop) for timer in self._timers), stop.wait())

    async def _repeated(self, timer: Timer, stop: asyncio.Event) -> None:
        metrics.timer_begins(timer.name, every_s=timer.every_s, at_s=self._deps.now().timestamp())
        while not stop.is_set():
            more, failed = False, True
            try:
                more = await timer.step(self._deps)
                failed = False
            except (DatabaseUnavailable, Overloaded):
                observe.warning("a timer waits for the database", part=timer.name, retry_in_s=timer.every_s)
            except Exception as error:  # the other timers go on, and so does this one at its next time
                observe.failed("a timer failed", part=timer.name, retry_in_s=timer.every_s, **observe.facts_of(error))
            metrics.timer_ran(timer.name, failed=failed, at_s=self._deps.now().timestamp())
            await wait(stop, 0 if more else timer.every_s)
