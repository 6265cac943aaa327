"""Carries requests over HTTP/1.1: connections are kept, lost answers asked for again, within bounds.

It blocks, and several threads may use one transport at once: that is how several requests are under way
(docs/decisions/0014).
"""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

from vendorpay.client.chance import chance
from vendorpay.client.connections import Address, Connections
from vendorpay.client.patience import Patience, is_to_be_asked_again, retry_after_s
from vendorpay.client.problem import Closed, NoAnswer, NotTheService
from vendorpay.client.request import Answer, Request

TIMEOUT_S: Final = 60.0
"""For a connection, and for each sign of life on it."""
ANSWER_BYTES_MAX: Final = 256 * 1024 * 1024
"""Far beyond the largest answer, that to 16 MiB of payments; what has no end is not the service's."""
USER_AGENT: Final = "vendorpay-client/1"

Token = str | Callable[[], str] | None
"""A JWT, or what gives one that is still valid each time it is asked."""
Told = Callable[[int, str], None]
"""Gets the number of an attempt that was in vain, from 1 on, and what came of it; then it is tried again."""


class Transport(Protocol):
    """What carries a request to the service; a program may bring its own."""

    def answer(self, request: Request, patience: Patience) -> Answer:
        """The first answer that is final, or the last. Raises NoAnswer, NotTheService, Closed."""

    def wait(self, seconds: float) -> None:
        """A pause that `close` ends. Raises Closed."""

    def close(self) -> None:
        """Ends what is under way."""


class HttpTransport:
    """The service behind a URL. Raises ValueError for what is no URL."""

    def __init__(
        self,
        url: str,
        token: Token,
        *,
        timeout_s: float = TIMEOUT_S,
        proxy: str | None = None,
        told: Told | None = None,
    ) -> None:
        address = Address.of(url)
        self._url = address.shown
        self._connections = Connections(address, timeout_s=timeout_s, proxy=Address.of(proxy) if proxy else None)
        self._token = token
        self._told = told
        self._closing = threading.Event()

    def answer(self, request: Request, patience: Patience) -> Answer:
        """The first answer that is final, or the last. Raises NoAnswer, NotTheService, Closed."""
        end = time.monotonic() + patience.total_s_max
        uncertain, last = False, ""
        for attempt in range(patience.attempts_max):
            answer: Answer | None = None
            try:
                answer = self._asked(request, was_uncertain=uncertain)
            except ssl.SSLCertVerificationError as error:
                raise NotTheService(f"{self._url} does not prove who it is: {error.verify_message}.") from error
            except (OSError, http.client.HTTPException) as error:
                if self._closing.is_set():
                    raise Closed("The client was closed.") from error
                uncertain, last = True, type(error).__name__
            else:
                if not is_to_be_asked_again(answer):
                    return answer
                last = f"status {answer.status}"
            pause_s = patience.pause_s(
                attempt, chance=chance(), retry_after_s=answer.retry_after_s if answer is not None else None
            )
            if attempt + 1 == patience.attempts_max or time.monotonic() + pause_s > end:
                if answer is not None and answer.problem() is not None:
                    return answer
                asked = f"{request.method} {request.path}"
                raise NoAnswer(url=self._url, asked=asked, attempts=attempt + 1, last=last, key=request.key)
            if self._told is not None:
                self._told(attempt + 1, last)
            self.wait(pause_s)
        raise AssertionError("unreachable")

    def wait(self, seconds: float) -> None:
        """A pause that `close` ends. Raises Closed."""
        if self._closing.wait(seconds):
            raise Closed("The client was closed.")

    def close(self) -> None:
        """Closes all connections; what is under way ends with Closed, and may have been carried out."""
        self._closing.set()
        self._connections.close()

    def _asked(self, request: Request, *, was_uncertain: bool) -> Answer:
        """One attempt. Raises OSError, HTTPException, NotTheService."""
        connection = self._connections.take()
        reusable = False
        try:
            target, headers = self._connections.head_of(request.target)
            headers = {**self._usual_headers(), **headers, **request.headers}
            try:
                connection.request(request.method, target, request.body, headers)
            except (BrokenPipeError, ConnectionResetError):
                # Whoever answers before all was sent refuses it, and then closes: the answer can be read all the same.
                if connection.sock is None:
                    raise
            response = connection.getresponse()
            body = response.read(ANSWER_BYTES_MAX + 1)
            if len(body) > ANSWER_BYTES_MAX:
                raise NotTheService(f"{self._url} answers without an end.")
            if response.length:  # read() with a bound keeps silent about what is missing
                raise http.client.IncompleteRead(body, response.length)
            reusable = not response.will_close
            return Answer(
                status=response.status,
                body=body,
                retry_after_s=retry_after_s(response.headers.get("Retry-After")),
                is_replayed=response.headers.get("Idempotent-Replayed") == "true",
                was_uncertain=was_uncertain,
            )
        finally:
            self._connections.give_back(connection, reusable=reusable)

    def _usual_headers(self) -> dict[str, str]:
        token = self._token() if callable(self._token) else self._token
        return {"User-Agent": USER_AGENT, **({"Authorization": f"Bearer {token}"} if token else {})}
