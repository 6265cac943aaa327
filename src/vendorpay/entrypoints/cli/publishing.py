"""Publishing a file of events: batch by batch, with one bad line never costing its neighbours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from vendorpay.entrypoints.cli.event_lines import Batch, Line
from vendorpay.entrypoints.cli.failures import CommandFailed
from vendorpay.entrypoints.cli.http_client import Refused, Service

# Refusals of a body as a whole, for which one of its lines can be to blame.
BLAMES_A_LINE: Final = frozenset({400, 413})


@dataclass
class Tally:
    """What became of the lines so far."""

    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    errors: list[dict[str, object]] = field(default_factory=list)

    def reject(self, line: int, reason: str) -> None:
        """Counts a line as rejected."""
        self.rejected += 1
        self.errors.append({"line": line, "reason": reason})

    def in_order(self) -> list[dict[str, object]]:
        """The errors in the order of the lines."""
        return sorted(self.errors, key=lambda error: int(str(error["line"])))

    def as_dict(self) -> dict[str, object]:
        """The contract's summary."""
        return {
            "accepted": self.accepted,
            "duplicate": self.duplicate,
            "rejected": self.rejected,
            "errors": self.in_order(),
        }


async def publish(
    service: Service, found: Iterator[Batch], tally: Tally, *, concurrency: int, progress: Callable[[Batch], None]
) -> None:
    """Sends every batch and counts into `tally`, which holds what was done also when this raises.

    With a concurrency of 1 the events arrive in the file's order. Raises Refused, CommandFailed.
    """

    async def work() -> None:
        # One iterator for all: next() has no await in it, so no two of them take the same batch.
        for batch in found:
            for number, reason in batch.rejected:
                tally.reject(number, reason)
            await _send(service, batch.lines, tally)
            progress(batch)

    workers = [asyncio.ensure_future(work()) for _ in range(concurrency)]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def _send(service: Service, lines: list[Line], tally: Tally) -> None:
    if not lines:
        return
    try:
        # No Idempotency-Key: an event is known by its id, so that a repeat is a duplicate.
        answer = await service.post("/events", Batch(lines).body)
    except Refused as refused:
        if refused.status not in BLAMES_A_LINE:
            raise
        if len(lines) == 1:
            tally.reject(lines[0].number, str(refused))
            return
        for line in lines:
            await _send(service, [line], tally)
        return
    results = answer.get("results")
    if not isinstance(results, list) or len(results) != len(lines):
        raise CommandFailed("The service's answer does not fit the events that were sent. Check --url.")
    for line, result in zip(lines, results, strict=True):
        _count(line, result, tally)


def _count(line: Line, result: dict[str, Any], tally: Tally) -> None:
    match result.get("result"):
        case "accepted":
            tally.accepted += 1
        case "duplicate":
            tally.duplicate += 1
        case _:
            faults = [f"{fault.get('field')}: {fault.get('message')}" for fault in result.get("errors") or ()]
            # The reason is a sentence about the first of them.
            tally.reject(line.number, "; ".join(faults) or str(result.get("reason") or "rejected"))
