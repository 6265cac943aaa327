"""A JSON body taken apart into the bytes of its values, each left as it came."""

from __future__ import annotations

import json
import re
from typing import Final

from vendorpay.domain.errors import MalformedJson

_BLANK: Final = re.compile(r"[ \t\r\n]*")
# It finds where a value ends and keeps nothing of it. It takes more than JSON (lone surrogates, NaN): what cannot be
# read is refused later, by itself, and never blocks its neighbours.
_VALUES: Final = json.JSONDecoder(object_pairs_hook=lambda _: None, parse_int=str, parse_float=str)


def text_of(raw: bytes) -> tuple[str, int]:
    """The body as text, and where its first value begins. Raises MalformedJson for what is not UTF-8."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedJson(reason=str(error)) from None
    return text, _over_blanks(text, 0)


def only_value(text: str, start: int) -> bytes:
    """The bytes of the one value of a body. Raises MalformedJson."""
    end = _end_of_value(text, start)
    _require_end(text, end)
    return text[start:end].encode()


def elements(text: str, start: int, most: int) -> list[bytes] | None:
    """The bytes of each element of the array that begins at `start` and ends the body; None when they are too many.

    Raises MalformedJson: then nothing can be told apart.
    """
    found: list[bytes] = []
    at = _over_blanks(text, start + 1)
    more = text[at : at + 1] != "]"
    while more:
        if len(found) == most:
            return None
        end = _end_of_value(text, at)
        found.append(text[at:end].encode())
        at = _over_blanks(text, end)
        more = text[at : at + 1] == ","
        at = _over_blanks(text, at + 1) if more else at
    if text[at : at + 1] != "]":
        raise MalformedJson(reason=f"expected , or ] at character {at}")
    _require_end(text, at + 1)
    return found


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
