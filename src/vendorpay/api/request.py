"""One HTTP request as the edge sees it, whatever carried it: an ASGI server, or an event of API Gateway."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import msgspec

ReadBody = Callable[[int], Awaitable[bytes]]
"""Reads the body, at most that many bytes of it: raises BodyTooLarge beyond, ClientGone when it never ends."""

Claims = Callable[[], Mapping[str, Any]]
"""The claims of a token that the carrier has checked. Raises Unauthenticated when there are none that hold."""


class ClientGone(Exception):
    """The client hung up before its request was complete; nobody is there to answer."""


class Headers:
    """A request's headers, by lower-case name; a name may come several times."""

    __slots__ = ("_values",)

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        self._values: dict[bytes, list[bytes]] = {}
        for name, value in pairs:
            self._values.setdefault(name.lower(), []).append(value)

    def all(self, name: bytes) -> list[bytes]:
        """Every value of a header, in the order they came."""
        return self._values.get(name, [])


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What came in: the path still percent-encoded, the body still on the wire.

    Behind a gateway that checks tokens `claims` say who asks, and the Authorization header is not read.
    """

    method: str
    path: bytes
    query_string: bytes
    headers: Headers
    read_body: ReadBody
    claims: Claims | None = None
