"""HTTP by hand, for what no client library would send."""

from __future__ import annotations

import json
import socket
from typing import Any

from tests.scenarios.asking import Caller
from tests.scenarios.serving import HOST, Serve

WAIT_S = 20.0


class Wire:
    """One connection. A context manager that closes it."""

    def __init__(self, serve: Serve) -> None:
        self._socket = socket.create_connection((HOST, serve.port), timeout=WAIT_S)

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, raw: bytes) -> None:
        self._socket.sendall(raw)

    def hang_up(self) -> None:
        """Closes at once, with a reset: whatever is on its way is lost."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self._socket.close()

    def received(self) -> bytes:
        """Everything until the other side closes."""
        said = b""
        while chunk := self._chunk():
            said += chunk
        return said

    def answer(self) -> tuple[int, Any]:
        """Status and body of one answer with a Content-Length."""
        said = b""
        while b"\r\n\r\n" not in said:
            chunk = self._chunk()
            assert chunk, f"hung up after {said!r}"
            said += chunk
        head, _, body = said.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").lower().split("\r\n")
        length = int(next(line.split(":")[1] for line in lines if line.startswith("content-length:")))
        while len(body) < length:
            chunk = self._chunk()
            assert chunk, f"hung up after {len(body)} of {length} bytes"
            body += chunk
        return int(lines[0].split()[1]), json.loads(body)

    def _chunk(self) -> bytes:
        try:
            return self._socket.recv(65536)
        except ConnectionResetError:
            return b""


def head(caller: Caller, method: str, path: str, *headers: str) -> bytes:
    """The head of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {caller.token}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def post(caller: Caller, path: str, body: bytes, *headers: str) -> bytes:
    """A whole POST of JSON."""
    kind = ("Content-Type: application/json", f"Content-Length: {len(body)}")
    return head(caller, "POST", path, *kind, *headers) + body
