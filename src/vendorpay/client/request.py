"""What is asked and what comes back, as values: nothing here knows of sockets, so that any transport can carry it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlencode
from uuid import UUID

import msgspec
from msgspec import UNSET

from vendorpay.client.decoders import decoder_of
from vendorpay.client.problem import ProblemDetail

JSON: Final = "application/json"
LINES: Final = "application/x-ndjson"

Id = UUID | str
Version = int | str
"""A version that was seen, or an ETag as it came; `*` for any."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request; `key` is its Idempotency-Key, which stays the same however often it is sent."""

    method: str
    path: str
    query: Mapping[str, object] = msgspec.field(default_factory=dict)
    body: bytes | None = None
    body_type: str = JSON
    key: str | None = None
    if_match: Version | None = None

    @property
    def target(self) -> str:
        """Path and query as they are sent; what is None is left out."""
        given = {name: _as_text(value) for name, value in self.query.items() if value is not None}
        return f"{self.path}?{urlencode(given)}" if given else self.path

    @property
    def headers(self) -> dict[str, str]:
        """Those that depend on what is asked."""
        found = {}
        if self.body is not None:
            found["Content-Type"] = self.body_type
        if self.key is not None:
            found["Idempotency-Key"] = self.key
        if self.if_match is not None:
            found["If-Match"] = f'"{self.if_match}"' if isinstance(self.if_match, int) else self.if_match
        return found


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. `was_uncertain`: an attempt before had no answer."""

    status: int
    body: bytes
    retry_after_s: float | None = None
    is_replayed: bool = False
    was_uncertain: bool = False

    @property
    def is_good(self) -> bool:
        """Whether what was asked for was done."""
        return 200 <= self.status < 300

    def problem(self) -> ProblemDetail | None:
        """What is said by one that is not good; None when it is not the service that says it."""
        try:
            found = decoder_of(ProblemDetail).decode(self.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return msgspec.structs.replace(found, status=self.status) if found.code else None


def path(*parts: Id) -> str:
    """A path of these parts, each of which stays one part whatever is in it."""
    return "".join("/" + quote(str(part), safe="") for part in parts)


def given(**fields: object) -> bytes:
    """A JSON object of the fields that are set, under the names that the API has for them."""
    return msgspec.json.encode(
        {camel(name): value for name, value in fields.items() if value is not None and value is not UNSET}
    )


def patched(**fields: object) -> bytes:
    """The same where None says something: that a value is to be taken away."""
    return msgspec.json.encode({camel(name): value for name, value in fields.items() if value is not UNSET})


def camel(name: str) -> str:
    """`amount_cents` as the API calls it: `amountCents`."""
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{value} needs a time zone")
        return value.isoformat()
    return str(value)
