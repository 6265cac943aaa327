"""Sends webhooks over HTTPS. What a receiver can do to us has a limit: time, bytes, connections; it is never followed.

No proxy of the environment is asked: it would resolve names by itself, and reach what we may not.
"""

from __future__ import annotations

import asyncio
import ssl
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpcore

from vendorpay.adapters.public_addresses import AddressRefused, CheckedNetwork, NameUnknown, Resolve, Resolver
from vendorpay.domain.errors import Overloaded
from vendorpay.ports import WEBHOOKS_AT_ONCE_MAX, WebhookAnswer, WebhookRequest

CONNECT_S_MAX: Final = 5.0
ANSWER_BYTES_MAX: Final = 1_000
ANSWER_S_MAX: Final = 2.0
"""How long we listen on once the status is there: it alone decides."""
KEPT_CONNECTIONS_MAX: Final = 50
KEPT_S_MAX: Final = 4.0
_RETRY_AFTER_DIGITS_MAX: Final = 9
_ASKING: Final = frozenset({429, 503})
"""The statuses whose Retry-After is heeded, and so read at all."""


class HttpWebhookSender:
    """The port's adapter. Needs `aclose` at the end."""

    def __init__(
        self, *, to_private: bool = False, resolve: Resolve | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._resolver = Resolver()
        self._room = asyncio.Semaphore(WEBHOOKS_AT_ONCE_MAX)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls or ssl.create_default_context(),
            max_connections=None,
            max_keepalive_connections=KEPT_CONNECTIONS_MAX,
            keepalive_expiry=KEPT_S_MAX,
            network_backend=CheckedNetwork(resolve or self._resolver, to_private=to_private),
        )

    async def send(self, request: WebhookRequest) -> WebhookAnswer:
        """What came of it. Raises Overloaded when its host could not be looked up because too many are."""
        async with self._room:
            clock = asyncio.get_running_loop().time
            began = clock()
            try:
                async with asyncio.timeout(request.timeout_s):
                    status, answer, retry_after_s = await self._exchanged(request)
            except Overloaded:
                raise
            except Exception as error:  # whatever it is, it is the receiver's or the network's, and goes into the log
                return _failed(error, request.timeout_s, _ms(clock() - began))
            return WebhookAnswer(
                status=status,
                error=None,
                answer=answer,
                duration_ms=_ms(clock() - began),
                retry_after_s=retry_after_s,
            )

    async def aclose(self) -> None:
        """Closes all connections."""
        await self._pool.aclose()
        self._resolver.close()

    async def _exchanged(self, request: WebhookRequest) -> tuple[int, str, float | None]:
        headers = [(name.encode("ascii"), value.encode("ascii")) for name, value in request.headers]
        async with self._pool.stream(
            "POST",
            request.url.encode("ascii"),
            headers=headers,
            content=request.body,
            extensions={"timeout": {"connect": CONNECT_S_MAX}},
        ) as response:
            # What is left unread when this block ends makes httpcore close the connection.
            return response.status, (await _beginning(response)).decode(errors="replace"), _retry_after_s(response)


async def _beginning(response: httpcore.Response) -> bytes:
    """The first bytes of the body, as far as they come in time."""
    found = bytearray()
    try:
        async with asyncio.timeout(ANSWER_S_MAX):
            async for chunk in response.aiter_stream():
                found += chunk
                if len(found) >= ANSWER_BYTES_MAX:
                    break
    except (TimeoutError, httpcore.NetworkError, httpcore.ProtocolError):
        pass  # the status has been given, and holds
    return bytes(found[:ANSWER_BYTES_MAX])


def _retry_after_s(response: httpcore.Response) -> float | None:
    """What the Retry-After of 429 or 503 asks for: seconds, or a date, by the receiver's own clock (its Date)."""
    if response.status not in _ASKING:
        return None
    headers = {name.lower(): value.decode("latin-1").strip() for name, value in response.headers}
    asked = headers.get(b"retry-after", "")
    if asked.isascii() and asked.isdigit() and len(asked) <= _RETRY_AFTER_DIGITS_MAX:
        return float(asked)
    until, now = _date(asked), _date(headers.get(b"date", ""))
    if until is None or now is None:
        return None
    return max(0.0, (until - now).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError, TypeError, IndexError):  # its parser promises the first alone
        return None
    return found if found.tzinfo is not None else None


def _failed(error: Exception, timeout_s: float, duration_ms: int) -> WebhookAnswer:
    return WebhookAnswer(
        status=None, error=_words(error, timeout_s), answer=None, duration_ms=duration_ms, retry_after_s=None
    )


_WORDS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (AddressRefused, "the host has an address that is not public; nothing was sent"),
    (NameUnknown, "the host's name leads to no address"),
    (httpcore.ConnectTimeout, f"no connection within {CONNECT_S_MAX:g} s"),
    (httpcore.ConnectError, "no connection"),
    (httpcore.ProtocolError, "the connection broke, or what came back is not HTTP"),
    (httpcore.NetworkError, "the connection broke"),
)


def _words(error: Exception, timeout_s: float) -> str:
    """What the log says: our own words, and of TLS the reason that its library gives."""
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout_s:g} s"
    if isinstance(error, httpcore.ConnectError) and (reason := _tls_reason(error)):
        return f"TLS was refused: {reason}"
    known = next((words for kind, words in _WORDS if isinstance(error, kind)), None)
    return known or f"it could not be sent ({type(error).__name__})"


def _tls_reason(error: BaseException) -> str | None:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause.verify_message
        if isinstance(cause, ssl.SSLError):
            return cause.reason or "no reason given"
        cause = cause.__cause__ or cause.__context__
    return None


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
