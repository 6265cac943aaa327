"""The HTTP server of a serving process: uvicorn on httptools, with the limits that it leaves to a proxy before it.

A head has a size and a time, connections have a number, a body that nobody wants any more is not read for ever, and
what is no HTTP is refused as everything else is, by a problem document.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import Server

from vendorpay.api import problems
from vendorpay.api.app import App
from vendorpay.domain.errors import FieldFault, InvalidRequest, MalformedJson, VendorPayError
from vendorpay.entrypoints.ids import new_id, system_now
from vendorpay.entrypoints.listening import BACKLOG

CONNECTIONS_MAX: Final = 16_384
"""How many connections one process holds, idle ones included; those beyond are closed at once."""
FILES_BESIDE: Final = 256
HEAD_BYTES_MAX: Final = 64 * 1024
HEAD_S_MAX: Final = 30.0
"""How long a request line with its headers may take to come, from its first byte or from the connection on."""
IDLE_S_MAX: Final = 75
"""How long a connection is kept for its next request."""
UNWANTED_BYTES_MAX: Final = 32 * 1024 * 1024
"""How much of a body is taken and thrown away after its answer, so that the client comes to read that."""
STOP_S_MAX: Final = 30
_LOOKS: Final = 50  # of uvicorn's ticks, a tenth of a second each, between two looks for heads that take too long


class _Joining(asyncio.Transport):
    """A transport that sends in one piece what is written in one turn of the loop: uvicorn writes the head and the body
    of an answer apart, and each piece is a system call here and a process woken up there.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._pieces: list[bytes | bytearray | memoryview] = []

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self._transport.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._pieces:
            self._loop.call_soon(self._send)
        self._pieces.append(data)

    def close(self) -> None:
        self._send()
        self._transport.close()

    def _send(self) -> None:
        pieces, self._pieces = self._pieces, []
        if pieces:
            self._transport.writelines(pieces)


class Connection(HttpToolsProtocol):
    """One client's connection."""

    head_since: float | None = None
    """When the head that is coming began to; None while a request has its head."""
    _head_bytes = 0
    _unwanted_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Takes the connection, or closes it where there are too many."""
        super().connection_made(_Joining(transport, self.loop))
        self.head_since = self.loop.time()
        if len(self.connections) > connections_max():
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Reads on, within the limits of a head."""
        super().data_received(data)
        if self.head_since is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self._refuse(InvalidRequest([FieldFault("$", f"has a head of more than {HEAD_BYTES_MAX} bytes")]))

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self.head_since = self.loop.time()
        self._head_bytes = 0
        self._unwanted_bytes = 0

    def on_headers_complete(self) -> None:
        """Its head is complete."""
        self.head_since = None
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of its body came, perhaps after its answer."""
        super().on_body(body)
        if self.cycle.response_complete:
            self._unwanted_bytes += len(body)
            if self._unwanted_bytes > UNWANTED_BYTES_MAX:
                self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Refuses what is no HTTP."""
        if self.head_since is None:
            self._refuse(MalformedJson(reason="it is not framed as HTTP/1.1 has it"))
        else:
            self._refuse(InvalidRequest([FieldFault("$", "is no HTTP/1.1 request")]))

    def give_up(self) -> None:
        """Closes a connection whose head takes too long."""
        self.transport.close()

    def _refuse(self, error: VendorPayError) -> None:
        if self.transport.is_closing():
            return
        # There is no cycle yet before the first head; in the middle of an answer nothing can be said any more.
        if not getattr(self.cycle, "response_started", False) or self.cycle.response_complete:
            answer = problems.refusal(error, str(new_id(system_now())))
            head = (
                STATUS_LINE[answer.status],
                b"content-type: %s\r\n" % answer.content_type,
                b"content-length: %d\r\nconnection: close\r\n\r\n" % len(answer.body),
            )
            self.transport.write(b"".join((*head, answer.body)))
        self.transport.close()


class HttpServer(Server):
    """Serves one app on a socket that is bound already; whoever runs it decides what signals mean."""

    def __init__(self, app: App, descriptor: int) -> None:
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # it warns of every stray byte
        super().__init__(
            Config(
                app,
                http=Connection,
                ws="none",
                lifespan="on",
                interface="asgi3",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_keep_alive=IDLE_S_MAX,
                timeout_graceful_shutdown=STOP_S_MAX,
            )
        )
        self._socket = socket.socket(fileno=descriptor)

    async def run_until_stopped(self) -> None:
        """Serves until `stop`, and ends when what is under way is answered."""
        await self.serve(sockets=[self._socket])

    def stop(self) -> None:
        """Takes no more connections, and ends soon."""
        self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to stop; and now and then a look for heads that take too long."""
        if counter % _LOOKS == 0:
            oldest = asyncio.get_running_loop().time() - HEAD_S_MAX
            for connection in [*self.server_state.connections]:
                if isinstance(connection, Connection) and (connection.head_since or oldest) < oldest:
                    connection.give_up()
        return await super().on_tick(counter)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the signals alone."""
        yield


_most_connections: int | None = None


def connections_max() -> int:
    """As many as the system lets this process have files for, which is asked for first."""
    global _most_connections
    if _most_connections is None:
        wanted = CONNECTIONS_MAX + FILES_BESIDE
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if soft != resource.RLIM_INFINITY and soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        _most_connections = max(1, most - FILES_BESIDE)
    return _most_connections
