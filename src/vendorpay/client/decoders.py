"""Decoders of what the service answers, each made by one thread alone.

msgspec learns the fields of a type when it is first asked to decode one, and marks the type as learnt before it has
finished: another thread that decodes the same meanwhile crashes the whole process (msgspec 0.22.0, seen and tried). A
client may be shared by threads, so no answer is decoded but by a decoder from here.
"""

from __future__ import annotations

import threading
from typing import Any, Final, TypeVar

import msgspec

T = TypeVar("T")

_decoders: Final[dict[Any, msgspec.json.Decoder[Any]]] = {}
_making: Final = threading.Lock()


def decoder_of(shape: type[T]) -> msgspec.json.Decoder[T]:
    """The decoder of JSON for values of a shape."""
    found = _decoders.get(shape)
    if found is None:
        with _making:
            found = _decoders[shape] = msgspec.json.Decoder(shape)
    return found
