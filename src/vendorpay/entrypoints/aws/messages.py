"""The functions that events come to: from a queue that a rule of the bus fills, or from the bus itself.

All events of one invocation are one transaction. What cannot be read is nobody's to try again: it is kept in quarantine
and counts as done. What could not be recorded now (the database was away, the time was over) is told to the queue by
message, which brings it again; one that was recorded after all is found to be a duplicate then.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from vendorpay import observe
from vendorpay.domain.roles import Caller, Role
from vendorpay.entrypoints.aws.runtime import Context, OutOfTime
from vendorpay.entrypoints.aws.started import started
from vendorpay.usecases import record_event
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.in_bulk import UNAVAILABLE
from vendorpay.usecases.record_event import EventResult, Verdict

SUB: Final = "system:eventbridge"
"""Who created what came over the bus (contract section 5.1)."""
FROM_QUEUE: Final = "aws:sqs"


class NotRecorded(Exception):
    """An event that came straight from the bus could not be recorded: Lambda has to bring it again."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """One event as it came; `id` is its place in the queue, None when it came without one."""

    id: str | None
    raw: bytes


def handler(event: object, context: Context) -> dict[str, list[dict[str, str]]]:
    """Records the events of one invocation; answers with the messages that have to come again.

    Raises NotRecorded for one that came without a queue.
    """
    messages = read(event)
    environment, settings = started()
    caller = Caller(sub=SUB, role=Role.SERVICE, org_id=settings.org)

    async def record(deps: Deps) -> list[EventResult | Exception]:
        return await record_event.record_each(deps, caller, [message.raw for message in messages])

    try:
        results: Sequence[EventResult | Exception] = environment.run(record, context)
    except (*UNAVAILABLE, OutOfTime) as error:
        # Nothing is known of any of them; what was written all the same is found when it comes again.
        results = [error] * len(messages)
    return _answered(messages, results)


def read(event: object) -> list[Message]:
    """The events of an invocation, each with the very bytes that came, as far as Lambda has left them to us."""
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list):
        return [Message(id=None, raw=_bytes_of(event))]
    return [_message(record) for record in records]


def _message(record: object) -> Message:
    if not isinstance(record, dict) or record.get("eventSource") != FROM_QUEUE:
        return Message(id=None, raw=_bytes_of(record))
    body = record.get("body")
    # A lone surrogate is no UTF-8: it is kept as it is, and found to be unreadable.
    raw = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else _bytes_of(record)
    message_id = record.get("messageId")
    return Message(id=message_id if isinstance(message_id, str) else None, raw=raw)


def _bytes_of(value: object) -> bytes:
    """JSON that Lambda has read already, written again. Pure ASCII, so that nothing in it can fail to be bytes."""
    return json.dumps(value, separators=(",", ":")).encode()


def _answered(
    messages: Sequence[Message], results: Sequence[EventResult | Exception]
) -> dict[str, list[dict[str, str]]]:
    again: list[Message] = []
    counts = dict.fromkeys(Verdict, 0)
    for message, result in zip(messages, results, strict=True):
        if isinstance(result, EventResult):
            counts[result.result] += 1
            continue
        again.append(message)
        if not isinstance(result, (*UNAVAILABLE, OutOfTime)):
            observe.failed("an event could not be recorded", **observe.facts_of(result))
    facts: Mapping[str, Any] = {verdict.value: count for verdict, count in counts.items()}
    observe.info("events were recorded", count=len(messages), **facts, again=len(again))
    if any(message.id is None for message in again):
        raise NotRecorded
    return {"batchItemFailures": [{"itemIdentifier": message.id} for message in again if message.id is not None]}
