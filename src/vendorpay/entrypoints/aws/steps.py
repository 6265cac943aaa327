"""How a function takes the steps of a timer of workers/schedule.py."""

from __future__ import annotations

from typing import Final

from vendorpay.entrypoints.aws.runtime import Context
from vendorpay.usecases.deps import Deps
from vendorpay.workers.schedule import Timer

STEP_S: Final = 15.0
"""No further step begins with less time than this: one may take as long."""
STEPS_MAX: Final = 10_000


async def taken(timer: Timer, deps: Deps, context: Context) -> tuple[int, bool]:
    """How many steps were taken, and whether more is waiting: one more while there is, as long as there is time.

    Raises what the step raises.
    """
    for steps in range(1, STEPS_MAX + 1):
        more = await timer.step(deps)
        if not more or context.get_remaining_time_in_millis() / 1000 < STEP_S:
            return steps, more
    return STEPS_MAX, True
