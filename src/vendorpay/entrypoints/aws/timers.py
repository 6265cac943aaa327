"""The function that takes the steps of timers: the rule that wakes it says of which one.

The table of timers is the laptop's own (workers/schedule.py).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vendorpay import observe
from vendorpay.adapters.aws.checkpoint_bucket import CheckpointBucket
from vendorpay.adapters.aws.clients import AwsClient
from vendorpay.entrypoints.aws.runtime import Context
from vendorpay.entrypoints.aws.scoring import able_to_score
from vendorpay.entrypoints.aws.settings import AwsSettings
from vendorpay.entrypoints.aws.started import started
from vendorpay.entrypoints.aws.steps import taken
from vendorpay.usecases.deps import Deps
from vendorpay.workers.schedule import Timer, schedule


class UnknownTimer(Exception):
    """The invocation names no timer there is; the message names those there are."""


def handler(event: object, context: Context) -> dict[str, Any]:
    """Takes the steps of the timer that {"timer": name} names; answers with how many, and whether more is waiting.

    Raises UnknownTimer, and what the step raises: Lambda then tries again, and counts an error.
    """
    environment, settings = started()
    timer = _timer(event, settings)

    async def work(deps: Deps) -> dict[str, Any]:
        with able_to_score(deps, settings) as scoring:
            steps, more = await taken(timer, replace(scoring, checkpoints=_checkpoints(settings)), context)
        return {"timer": timer.name, "steps": steps, "more": more}

    did = environment.run(work, context)
    observe.info("a timer ran", part=timer.name, count=did["steps"])
    return did


def _timer(event: object, settings: AwsSettings) -> Timer:
    wanted = event.get("timer") if isinstance(event, dict) else None
    timers = schedule(checkpoint_every_s=float(settings.checkpoint_every_s))
    for timer in timers:
        if timer.name == wanted:
            return timer
    names = ", ".join(timer.name for timer in timers)
    raise UnknownTimer(f"there is no timer {str(wanted)[:40]!r}; there are {names}")


def _checkpoints(settings: AwsSettings) -> CheckpointBucket:
    return CheckpointBucket(settings.checkpoint_bucket or "", AwsClient("s3", region=settings.region))
