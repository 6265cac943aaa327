"""A JSON body taken apart into the bytes of its values, each left as it came.

It builds nothing of what it passes over: a body of 16 MiB may hold millions of small lists, and to make them would
take gigabytes, and seconds in which nobody else is answered.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from vendorpay.domain.errors import MalformedJson

_BLANK: Final = re.compile(rb"[ \t\r\n]*+")
_VALUE: Final = msgspec.json.Decoder(msgspec.Raw)  # checks a value and builds nothing, at a gigabyte a second
# How msgspec says that a value is good, and where the next thing begins: it has just read the first byte of that.
_ENDED: Final = re.compile(r"trailing characters \(byte ([0-9]+)\)")
# Half of a character: no JSON parser takes it, but its event is refused later, by itself, and never blocks its
# neighbours. So the value's end is looked for in a copy that has another character there, of the same length.
_HALF: Final = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_WHOLE: Final = rb"\\u0041"


class JsonBody:
    """A body on its way into parts. Raises MalformedJson for what is not UTF-8."""

    def __init__(self, raw: bytes) -> None:
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise MalformedJson(reason=str(error)) from None
        self._raw = raw
        self._readable = memoryview(_HALF.sub(_WHOLE, raw))
        self._start = _over_blanks(raw, 0)

    @property
    def is_array(self) -> bool:
        """Whether it begins like one."""
        return self._raw[self._start : self._start + 1] == b"["

    def only_value(self) -> bytes:
        """The bytes of the one value of a body. Raises MalformedJson."""
        value, end = self._value(self._start)
        self._require_end(end)
        return value

    def elements(self, most: int) -> list[bytes] | None:
        """The bytes of each element of the array that the body is; None when they are too many.

        Raises MalformedJson: then nothing can be told apart.
        """
        raw = self._raw
        found: list[bytes] = []
        at = _over_blanks(raw, self._start + 1)
        more = raw[at : at + 1] != b"]"
        while more:
            if len(found) == most:
                return None
            value, at = self._value(at)
            found.append(value)
            more = raw[at : at + 1] == b","
            at = _over_blanks(raw, at + 1) if more else at
        if raw[at : at + 1] != b"]":
            raise MalformedJson(reason=f"expected , or ] at byte {at}")
        self._require_end(at + 1)
        return found

    def _value(self, at: int) -> tuple[bytes, int]:
        """The bytes of the value at `at`, and where the next thing after it begins."""
        try:
            _VALUE.decode(self._readable[at:])
            end = len(self._raw)
        except RecursionError:
            raise MalformedJson(reason="it is nested too deeply") from None
        except msgspec.DecodeError as error:
            ended = _ENDED.search(str(error))
            if ended is None:
                raise MalformedJson(reason=f"{error}, counted from byte {at}") from None
            end = at + int(ended[1]) - 1
        return self._raw[at:end].rstrip(b" \t\r\n"), _over_blanks(self._raw, end)

    def _require_end(self, at: int) -> None:
        if _over_blanks(self._raw, at) != len(self._raw):
            raise MalformedJson(reason=f"something follows its end at byte {at}")


def _over_blanks(raw: bytes, at: int) -> int:
    found = _BLANK.match(raw, at)
    return found.end() if found else at
