"""The function that is woken when something about a payment has happened: it does what is due in review by then.

A wake-up carries no work, and is not even read: what is due, the database knows. So however many come at once are one
run, one that is nonsense is a wake-up like any other, and one that is lost means waiting for the clock, which takes the
same steps (timers.py) every minute. Only when a run fails, all that woke it come again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from vendorpay import observe
from vendorpay.entrypoints.aws.runtime import Context, OutOfTime
from vendorpay.entrypoints.aws.scoring import able_to_score
from vendorpay.entrypoints.aws.started import started
from vendorpay.entrypoints.aws.steps import taken
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.in_bulk import UNAVAILABLE
from vendorpay.workers.schedule import Timer, schedule

REVIEWING: Final = ("score_again", "approve_automatically", "escalate_approvals")
"""The timers whose steps are taken, in this order: a score may be what an approval waits for."""

Failures = dict[str, list[dict[str, str]]]


def handler(event: object, context: Context) -> Failures:
    """Takes the steps that are due; answers with the messages that have to come again: none, or all.

    Raises what no waiting mends, after the other steps were taken.
    """
    woken_by = _ids(event)
    environment, settings = started()

    async def work(deps: Deps) -> bool:
        with able_to_score(deps, settings) as scoring:
            return await all_of(_timers(), scoring, context)

    try:
        more = environment.run(work, context)
    except (*UNAVAILABLE, OutOfTime) as error:
        observe.warning("a wake-up comes again", count=len(woken_by), **observe.facts_of(error))
        return {"batchItemFailures": [{"itemIdentifier": each} for each in woken_by]}
    observe.info("reviewed, and left some for the clock" if more else "reviewed what was due", count=len(woken_by))
    return {"batchItemFailures": []}


async def all_of(timers: Sequence[Timer], deps: Deps, context: Context) -> bool:
    """Whether more is waiting. One that fails keeps the others from nothing; the first error is raised at the end."""
    errors: list[Exception] = []
    any_more = False
    for timer in timers:
        try:
            _, more = await taken(timer, deps, context)
        except Exception as error:
            observe.failed("review work failed", part=timer.name, **observe.facts_of(error))
            errors.append(error)
            continue
        any_more |= more
    if errors:
        raise errors[0]
    return any_more


def _timers() -> list[Timer]:
    known = {timer.name: timer for timer in schedule(checkpoint_every_s=None)}
    return [known[name] for name in REVIEWING]


def _ids(event: object) -> list[str]:
    """The messages' names in the queue; none for who invokes it by hand."""
    records = event.get("Records") if isinstance(event, dict) else None
    found: list[Any] = records if isinstance(records, list) else []
    return [record["messageId"] for record in found if isinstance(record, dict) and "messageId" in record]
