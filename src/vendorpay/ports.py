"""What differs between a laptop and AWS, as small protocols; the adapters are chosen by entrypoints alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class TokenVerifier(Protocol):
    """Checks access tokens against the keys of one issuer."""

    async def verify(self, token: str) -> Mapping[str, Any]:
        """The claims of a valid token.

        Raises `Unauthenticated` for a token that is not valid, `IssuerUnavailable` when no key could ever be fetched.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class WebhookRequest:
    """One POST to an outside subscriber, complete; `timeout_s` is for all of it."""

    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    timeout_s: float


@dataclass(frozen=True, kw_only=True)
class WebhookAnswer:
    """What came of it: a `status`, or the `error` that kept one from coming.

    `answer` is the beginning of what the receiver said, `retry_after_s` what it asked us to wait.
    """

    status: int | None
    error: str | None
    answer: str | None
    duration_ms: int
    retry_after_s: float | None


class WebhookSender(Protocol):
    """Sends to addresses that strangers chose: only to public ones, without following them anywhere."""

    async def send(self, request: WebhookRequest) -> WebhookAnswer:
        """The answer; what the receiver or the network does is never an error of ours."""
        ...
