"""Publishing a file of events: batch by batch, with one bad line never costing its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from vendorpay.client import Client, NotTheService, Problem
from vendorpay.client.event_values import EventResult
from vendorpay.entrypoints.cli.event_lines import Batch, Line
from vendorpay.entrypoints.cli.overlapping import in_order

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


def publish(
    client: Client, found: Iterator[Batch], tally: Tally, *, concurrency: int, progress: Callable[[Batch], None]
) -> None:
    """Sends every batch and counts into `tally`, which holds what was answered also when this raises.

    With a concurrency of 1 the events arrive in the file's order. Raises ClientError.
    """

    def send(batch: Batch) -> list[EventResult | str]:
        return _sent(client, batch.lines)

    for batch, results in in_order(send, found, concurrency):
        for number, reason in batch.rejected:
            tally.reject(number, reason)
        for line, result in zip(batch.lines, results, strict=True):
            _count(line, result, tally)
        progress(batch)


def _sent(client: Client, lines: list[Line]) -> list[EventResult | str]:
    """The result of each line, or why the service would not take it."""
    if not lines:
        return []
    try:
        results = client.publish_events(Batch(lines).body).results
    except Problem as refused:
        if refused.status not in BLAMES_A_LINE:
            raise
        if len(lines) == 1:
            return [str(refused)]
        return [result for line in lines for result in _sent(client, [line])]
    if len(results) != len(lines):
        raise NotTheService("The answer does not fit the events that were sent. Check --url.")
    return list(results)


def _count(line: Line, result: EventResult | str, tally: Tally) -> None:
    if isinstance(result, str):
        tally.reject(line.number, result)
    elif result.result == "accepted":
        tally.accepted += 1
    elif result.result == "duplicate":
        tally.duplicate += 1
    else:
        # The reason is a sentence about the first of the faults.
        faults = "; ".join(f"{fault.field}: {fault.message}" for fault in result.errors)
        tally.reject(line.number, faults or result.reason or "rejected")
