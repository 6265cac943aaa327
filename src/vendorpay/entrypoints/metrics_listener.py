"""The metrics of `vendorpay worker`, which answers no requests else: GET /metrics on a port of its own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from vendorpay import metrics
from vendorpay.entrypoints.ids import system_now
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.read_standing import StandingReader

HEAD_BYTES_MAX: Final = 16 * 1024
CLIENTS_MAX: Final = 16
"""Beyond so many at once, connections are closed unanswered: nobody has so many to watch."""
HEAD_S_MAX: Final = 5.0


def count_alone() -> None:
    """Makes this process count as the only one of its kind, from now on."""
    with metrics.reserved(1) as memory:  # mapped, it stays
        metrics.attach(memory, 1, 1, at_s=system_now().timestamp())


@asynccontextmanager
async def answering(deps: Deps, listening: socket.socket) -> AsyncIterator[None]:
    """Answers scrapes on the socket, which it closes at the end."""
    reader = StandingReader(deps)
    clients: set[asyncio.StreamWriter] = set()

    async def answer(head: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        clients.add(client)
        try:
            if len(clients) <= CLIENTS_MAX:
                client.write(await _answer(head, reader))
                await client.drain()
        # A client that goes away, or says nothing that is HTTP, is no news.
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            clients.discard(client)
            client.close()
            with suppress(OSError):
                await client.wait_closed()

    server = await asyncio.start_server(answer, sock=listening, limit=HEAD_BYTES_MAX)
    try:
        yield
    finally:
        server.close()
        for client in list(clients):
            client.close()
        await server.wait_closed()


async def _answer(head: asyncio.StreamReader, reader: StandingReader) -> bytes:
    async with asyncio.timeout(HEAD_S_MAX):
        text = await head.readuntil(b"\r\n\r\n")
    method, _, rest = text.partition(b" ")
    if rest.partition(b" ")[0].partition(b"?")[0] != b"/metrics":
        return _response(b"404 Not Found", b"text/plain", b"There is nothing but /metrics here.\n")
    if method not in (b"GET", b"HEAD"):
        return _response(b"405 Method Not Allowed", b"text/plain", b"This path answers GET, HEAD only.\n")
    body = metrics.exposition(await reader.values())
    return _response(b"200 OK", metrics.CONTENT_TYPE, body, with_body=method == b"GET")


def _response(status: bytes, kind: bytes, body: bytes, *, with_body: bool = True) -> bytes:
    head = b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
    return head % (status, kind, len(body)) + (body if with_body else b"")
