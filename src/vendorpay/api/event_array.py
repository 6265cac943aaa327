"""From the body of POST /events to the bytes of each event, each left as it came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vendorpay.api.json_array import JsonBody
from vendorpay.domain.errors import FieldFault

EVENTS_MAX: Final = 1_000


def split_events(raw: bytes) -> tuple[Sequence[bytes] | None, list[FieldFault]]:
    """The bytes of each event in a JSON object or array. What is not an object is rejected later, by itself.

    Raises MalformedJson: then nothing can be told apart.
    """
    body = JsonBody(raw)
    if body.is_array:
        events = body.elements(EVENTS_MAX)
        if events is None:
            return None, [FieldFault("$", f"holds more than {EVENTS_MAX} events, the most that are taken at once")]
        return events, []
    event = body.only_value()
    if not event.startswith(b"{"):
        return None, [FieldFault("$", "must be an event or an array of events")]
    return [event], []
