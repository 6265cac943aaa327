"""The HTTP server of a serving process: uvicorn on httptools, with the limits that it leaves to a proxy before it.

A head has a size and a time, connections have a number, nobody is waited for without end, and what is no HTTP is
refused as everything else is, by a problem document.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

from uvicorn.config import Config
from uvicorn.server import Server

from vendorpay.api.app import Receive, Scope, Send
from vendorpay.entrypoints.http_connection import Connection
from vendorpay.entrypoints.listening import BACKLOG

STOP_S_MAX: Final = 30
LAST_BYTES_S_MAX: Final = 5.0
"""How long a server that stops still waits for clients: for the rest of a body, or to read their answers."""
_LOOKS: Final = 50  # of uvicorn's ticks, a tenth of a second each, between two looks for clients that take too long


class HttpServer(Server):
    """Serves one ASGI app on a socket that is bound already; whoever runs it decides what signals mean."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]], descriptor: int) -> None:
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
        """Ten times a second: whether to stop; and now and then a look for clients that take too long."""
        if counter % _LOOKS == 0:
            now = asyncio.get_running_loop().time()
            for connection in self._connections():
                connection.look(now)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answers what is under way, and leaves no client the power to hold that up until it is cancelled."""
        hastening = asyncio.create_task(self._hasten())
        try:
            await super().shutdown(sockets)
        finally:
            hastening.cancel()

    async def _hasten(self) -> None:
        while True:
            await asyncio.sleep(LAST_BYTES_S_MAX)
            now = asyncio.get_running_loop().time()
            for connection in self._connections():
                connection.hasten(now, LAST_BYTES_S_MAX)

    def _connections(self) -> list[Connection]:
        return [each for each in self.server_state.connections if isinstance(each, Connection)]

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the signals alone."""
        yield
