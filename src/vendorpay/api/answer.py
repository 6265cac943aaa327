"""What goes back over the wire, whatever carries it: a status, bytes and headers."""

from __future__ import annotations

from typing import Final

import msgspec

Header = tuple[bytes, bytes]

JSON: Final = b"application/json"
PROBLEM_JSON: Final = b"application/problem+json"
NO_STORE: Final = b"no-store"


class Answer(msgspec.Struct, frozen=True):
    """One HTTP answer; `headers` are its own ones, the edge adds those that every answer has."""

    status: int
    body: bytes = b""
    headers: tuple[Header, ...] = ()
    content_type: bytes = JSON
    cache_control: bytes = NO_STORE
