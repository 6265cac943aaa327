"""A real server on a socket that answers as it is told: also not at all, too late, or with half an answer."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, BinaryIO

Step = bytes | Callable[["Seen"], bytes | None] | None
"""An answer as it goes over the wire, or what makes one of the request; None hangs up."""


@dataclass(frozen=True)
class Seen:
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int


def answer(status: int, body: Any = None, **headers: str) -> bytes:
    """An answer of JSON; a header's name is written with underscores."""
    raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([f"HTTP/1.1 {status} x", f"Content-Length: {len(raw)}", *lines, "", ""]).encode() + raw


def problem(status: int, code: str, **more: Any) -> dict[str, Any]:
    return {"type": "x", "title": code, "status": status, "detail": "No.", "code": code, "requestId": "r-1", **more}


@dataclass
class FaultyServer:
    """Gives its steps one after the other, one for each request; the last again and again."""

    steps: Sequence[Step]
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    url: str = ""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def _accept(self) -> None:
        handlers: list[threading.Thread] = []
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                with self._lock:
                    self.connections += 1
                    number = self.connections
                    self._open.append(connection)
                handlers.append(threading.Thread(target=self._handle, args=(connection, number)))
                handlers[-1].start()
        for handler in handlers:
            handler.join()

    def _handle(self, connection: socket.socket, number: int) -> None:
        with connection, suppress(OSError), connection.makefile("rb") as coming:
            while (request := _request(coming, number)) is not None:
                with self._lock:
                    step = self.steps[min(len(self.seen), len(self.steps) - 1)]
                    self.seen.append(request)
                said = step(request) if callable(step) else step
                if said is None:
                    return
                connection.sendall(said)
                if b"Connection: close" in said.partition(b"\r\n\r\n")[0]:
                    return

    def hang_up(self) -> None:
        """Closes every connection, as a server does that is started anew."""
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.hang_up()
        self._accepting.join()


def _request(coming: BinaryIO, number: int) -> Seen | None:
    line = coming.readline().decode()
    if not line:
        return None
    method, target, _ = line.split(" ", 2)
    headers: dict[str, str] = {}
    while text := coming.readline().decode().strip():
        name, _, value = text.partition(":")
        headers[name.lower()] = value.strip()
    return Seen(method, target, headers, coming.read(int(headers.get("content-length", 0))), number)


@contextmanager
def faulty(*steps: Step) -> Iterator[FaultyServer]:
    """One that runs as long as the block."""
    server = FaultyServer(steps)
    try:
        yield server
    finally:
        server.end()
