"""The ASGI application: the protocol's messages on one side, `Exchange` on the other.

Plain ASGI without a framework: the routes are the operations table, and what a framework adds per request would cost
more than the rest of the edge.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import cache
from typing import Any, Final
from urllib.parse import quote

from vendorpay import observe
from vendorpay.api import openapi
from vendorpay.api.answer import Answer
from vendorpay.api.edge import Exchange
from vendorpay.api.errors import BodyTooLarge
from vendorpay.api.operations import OPERATIONS
from vendorpay.api.rate_limits import RateLimits
from vendorpay.api.request import ClientGone, Headers, ReadBody, Request
from vendorpay.api.router import Router
from vendorpay.api.service import Service
from vendorpay.domain.errors import MalformedJson
from vendorpay.ports import TokenVerifier
from vendorpay.usecases.deps import Deps

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Opening = Callable[[], AbstractAsyncContextManager[tuple[Deps, TokenVerifier]]]

BODY_S_MAX: Final = 60.0
"""How long a body may take to come: a place among the connections is not for keeping."""
_PATH_SAFE: Final = "/:@!$&'()*+,;=~"
_ROUTER: Final = Router(OPERATIONS)


class App:
    """The API as an ASGI 3 application; `metrics` says whether it shows any, `limits` what each caller may ask."""

    def __init__(self, opening: Opening, *, metrics: bool = True, limits: RateLimits | None = None) -> None:
        self._opening = opening
        self._metrics = metrics
        self._limits = limits
        self._opened = AsyncExitStack()
        self._service: Service | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:  # a websocket, which nobody offers here
            await receive()
            await send({"type": "websocket.close", "code": 1000})

    async def open(self) -> None:
        """Takes up what the use cases need; an ASGI server does it by its lifespan messages."""
        deps, verifier = await self._opened.enter_async_context(self._opening())
        self._service = Service(
            deps=deps, verifier=verifier, document=_document(), metrics=self._metrics, limits=self._limits
        )

    def drain(self) -> None:
        """From here on /health/ready says no, so that nothing new is sent here; what comes is still answered."""
        if self._service is not None:
            self._service.draining = True

    async def close(self) -> None:
        """Gives back what `open` took, after what is under way."""
        self.drain()
        await self._opened.aclose()

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self._service is not None, "an ASGI server opens the app by its lifespan before any request"
        request = Request(
            method=scope["method"],
            path=scope.get("raw_path") or quote(scope["path"], safe=_PATH_SAFE).encode(),
            query_string=scope["query_string"],
            headers=Headers(scope["headers"]),
            read_body=_body_of(receive),
        )
        exchange = Exchange(self._service, request, _ROUTER)
        try:
            try:
                answer = await exchange.answer()
            except ClientGone:  # or it sent chunks that are none: the server tells us the same, and it may be listening
                answer = exchange.cut_short()
            await _send(send, answer, with_body=request.method != "HEAD")
        except OSError:  # what servers raise when they send to a client that hung up
            return

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.open()
        except BaseException as error:
            observe.log_failed_start(error)
            await send({"type": "lifespan.startup.failed", "message": type(error).__name__})
            raise
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.close()
        await send({"type": "lifespan.shutdown.complete"})


def build(
    deps: Deps,
    verifier: TokenVerifier,
    lifespan: Callable[[], AbstractAsyncContextManager[None]] | None = None,
    *,
    limits: RateLimits | None = None,
) -> App:
    """An app on dependencies that are open already; `lifespan` surrounds its serving."""

    @asynccontextmanager
    async def opening() -> Any:
        async with AsyncExitStack() as stack:
            if lifespan is not None:
                await stack.enter_async_context(lifespan())
            yield deps, verifier

    return App(opening, limits=limits)


@cache
def _document() -> bytes:
    """The same for every app of a process, and more work than all else that opens one."""
    return openapi.encoded(OPERATIONS)


def _body_of(receive: Receive) -> ReadBody:
    async def read(bytes_max: int) -> bytes:
        try:
            async with asyncio.timeout(BODY_S_MAX):
                return await chunked(bytes_max)
        except TimeoutError:
            raise MalformedJson(reason=f"its end did not come within {BODY_S_MAX:.0f} seconds") from None

    async def chunked(bytes_max: int) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > bytes_max:
                raise BodyTooLarge(bytes_max=bytes_max)
            chunks.append(chunk)
            if not message.get("more_body", False):
                return b"".join(chunks)

    return read


async def _send(send: Send, answer: Answer, *, with_body: bool) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": list(answer.headers)})
    await send({"type": "http.response.body", "body": answer.body if with_body else b""})
