"""Our HTTP server on a real socket in a thread, with an application that answers when a test lets it."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvloop

from vendorpay.api.app import Receive, Scope, Send
from vendorpay.entrypoints.http_connection import Connection
from vendorpay.entrypoints.http_server import HttpServer
from vendorpay.entrypoints.listening import listen

WAIT_S = 30.0
LARGE_BYTES = 8 * 1024 * 1024  # more than the buffers of both sides of a socket hold


class Desk:
    """An application: `/now` answers before the body, `/large` at length, all others after it and while `open`."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()
        self.begun: list[str] = []
        self.answered: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        path = scope["path"]
        self.begun.append(path)
        if path not in ("/now", "/large"):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                if not message.get("more_body"):
                    break
            while not self.open.is_set():
                await asyncio.sleep(0.005)
        body = b"x" * LARGE_BYTES if path == "/large" else path.encode()
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": body})
        self.answered.append(path)


class Served:
    """The running server, its desk, and its address."""

    def __init__(self) -> None:
        self.desk = Desk()
        listening = listen("127.0.0.1", 0)
        self.address = listening.getsockname()[:2]
        self.server = HttpServer(self.desk, listening.detach())

    def connections(self) -> int:
        return len(self.server.server_state.connections)

    def waiting(self) -> int:
        """How many requests wait behind another on their connection."""
        found = [*self.server.server_state.connections]
        return sum(len(each.pipeline) for each in found if isinstance(each, Connection))

    def is_ending(self) -> bool:
        """Whether a connection has read what it refuses, and closes after the answers under way."""
        return any(isinstance(each, Connection) and each._last for each in [*self.server.server_state.connections])

    def connect(self, *, receive_bytes: int | None = None) -> socket.socket:
        client = socket.socket()
        client.settimeout(WAIT_S)
        if receive_bytes is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        client.connect(self.address)
        return client

    def talk(self, *parts: bytes) -> bytes:
        """Everything that is answered to the parts, which come apart, until the server closes."""
        with self.connect() as client:
            for part in parts:
                client.sendall(part)
                time.sleep(0.02)
            return everything(client)


@contextmanager
def http_served() -> Iterator[Served]:
    """Serves, and stops at the end."""
    served = Served()

    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(served.server.run_until_stopped())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        until(lambda: served.server.started)
        yield served
    finally:
        served.desk.open.set()
        served.server.stop()
        thread.join(WAIT_S)
        assert not thread.is_alive()


def everything(client: socket.socket) -> bytes:
    """What comes until the other side closes; what came before a reset counts."""
    said = b""
    try:
        while chunk := client.recv(1 << 20):
            said += chunk
    except ConnectionResetError:
        pass
    return said


def until(comes_true: Callable[[], bool]) -> None:
    """Waits for it, not for ever."""
    deadline = time.monotonic() + WAIT_S
    while not comes_true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.005)


async def _live(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
