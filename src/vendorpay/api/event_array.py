"""From the body of POST /events to the bytes of each event, each left as it came."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final

from vendorpay.domain.errors import FieldFault, MalformedJson

EVENTS_MAX: Final = 1_000

_BLANK: Final = re.compile(r"[ \t\r\n]*")
# It finds where a value ends and keeps nothing of it. It takes more than JSON (lone surrogates, NaN): what is no event
# is rejected later, by itself, and never blocks its neighbours.
_VALUES: Final = json.JSONDecoder(object_pairs_hook=lambda _: None, parse_int=str, parse_float=str)


def split_events(raw: bytes) -> tuple[Sequence[bytes] | None, list[FieldFault]]:
    """The bytes of each event in a JSON object or array. What is not an object is rejected later, by itself.

    Raises MalformedJson: then nothing can be told apart.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedJson(reason=str(error)) from None
    start = _over_blanks(text, 0)
    if text[start : start + 1] != "[":
        end = _end_of_value(text, start)
        _require_end(text, end)
        if text[start] != "{":
            return None, [FieldFault("$", "must be an event or an array of events")]
        return [text[start:end].encode()], []
    events: list[bytes] = []
    at = _over_blanks(text, start + 1)
    more = text[at : at + 1] != "]"
    while more:
        if len(events) == EVENTS_MAX:
            return None, [FieldFault("$", f"holds more than {EVENTS_MAX} events, the most that are taken at once")]
        end = _end_of_value(text, at)
        events.append(text[at:end].encode())
        at = _over_blanks(text, end)
        more = text[at : at + 1] == ","
        at = _over_blanks(text, at + 1) if more else at
    if text[at : at + 1] != "]":
        raise MalformedJson(reason=f"expected , or ] at character {at}")
    _require_end(text, at + 1)
    return events, []


def _over_blanks(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _end_of_value(text: str, at: int) -> int:
    try:
        return _VALUES.raw_decode(text, at)[1]
    except RecursionError:
        raise MalformedJson(reason="it is nested too deeply") from None
    except ValueError as error:
        raise MalformedJson(reason=str(error)) from None


def _require_end(text: str, at: int) -> None:
    if _over_blanks(text, at) != len(text):
        raise MalformedJson(reason=f"something follows its end at character {at}")
