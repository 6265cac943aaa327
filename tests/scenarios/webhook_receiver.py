"""An outside subscriber: a real HTTP server that verifies every signature itself and misbehaves when it is told to.

It knows nothing of vendorpay's code: what it checks is written down here once more, from the published standard.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

TOLERANCE_S = 5 * 60
WAIT_S_MAX = 30.0


@dataclass(frozen=True, kw_only=True)
class Received:
    """One request as it came in; `number` counts them, `matching` says which of the known secrets signed it."""

    number: int
    webhook_id: str
    headers: dict[str, str]
    body: bytes
    matching: tuple[str, ...]
    in_flight: int
    """How many requests were being answered when this one came, itself included."""

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def data(self) -> Any:
        """The event's detail with its position."""
        return self.json["data"]


class Exchange:
    """One request under way: what a behaviour may do with it."""

    def __init__(self, handler: BaseHTTPRequestHandler, received: Received, closing: threading.Event) -> None:
        self.received = received
        self._handler = handler
        self._closing = closing

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """An answer, complete; `retry_after="3"` is the header Retry-After."""
        self._handler.send_response(status)
        for name, value in headers.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.send_header("Content-Length", str(len(body)))
        self._handler.end_headers()
        self._handler.wfile.write(body)

    def raw(self, data: bytes) -> None:
        """Bytes as they are."""
        self._handler.wfile.write(data)
        self._handler.wfile.flush()

    def wait(self, seconds: float) -> bool:
        """Waits, unless the receiver is closed meanwhile; True when it is."""
        return self._closing.wait(seconds)

    def drop(self) -> None:
        """Hangs up without a word."""
        self._handler.close_connection = True
        with suppress(OSError):
            self._handler.connection.shutdown(socket.SHUT_RDWR)


Behaviour = Callable[[Exchange], None]


def accept(exchange: Exchange) -> None:
    """204, at once."""
    exchange.answer(204)


def respond(status: int, body: bytes = b"", **headers: str) -> Behaviour:
    """Always that answer."""
    return lambda exchange: exchange.answer(status, body, **headers)


def hang(exchange: Exchange) -> None:
    """Takes the request and never answers."""
    exchange.wait(600)
    exchange.drop()


def drop(exchange: Exchange) -> None:
    """Takes the request and hangs up."""
    exchange.drop()


def late(seconds: float, then: Behaviour = accept) -> Behaviour:
    """Answers after that time, when there is still somebody to hear it."""

    def behave(exchange: Exchange) -> None:
        exchange.wait(seconds)
        with suppress(OSError):
            then(exchange)

    return behave


def endless(exchange: Exchange) -> None:
    """A good status, and a body that goes on for ever."""
    exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    with suppress(OSError):
        while not exchange.wait(0.001):
            exchange.raw(b"and so on, " * 100)
    exchange.drop()


def endless_headers(exchange: Exchange) -> None:
    """A good status, and headers that never end."""
    exchange.raw(b"HTTP/1.1 200 OK\r\n")
    with suppress(OSError):
        number = 0
        while not exchange.wait(0.0005):
            exchange.raw(b"".join(b"X-%d: %s\r\n" % (number + n, b"x" * 80) for n in range(100)))
            number += 100
    exchange.drop()


def dripping(exchange: Exchange) -> None:
    """A byte of an answer now and then, each within any timeout between two reads."""
    with suppress(OSError):
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000:
            exchange.raw(bytes([byte]))
            if exchange.wait(0.05):
                break
    exchange.drop()


def first(times: int, behaviour: Behaviour, then: Behaviour = accept) -> Behaviour:
    """That many times `behaviour`, for all requests together, and afterwards `then`."""
    left = iter(range(times))
    lock = threading.Lock()

    def behave(exchange: Exchange) -> None:
        with lock:
            chosen = behaviour if next(left, None) is not None else then
        chosen(exchange)

    return behave


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


class WebhookReceiver:
    """Records what comes, in the order it comes. A context manager; `behave` may be set at any time."""

    def __init__(self, *, port: int = 0, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.behave: Behaviour = accept
        self.secrets: dict[str, str] = {}
        """The secrets it knows, by any name: `whsec_..`."""
        self.received: list[Received] = []
        self._in_flight = 0
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._http = _Server((host, port), self._handler())
        if tls is not None:
            # Each connection's own thread shakes hands: one that never does must not keep the others waiting.
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        self.port = int(self._http.server_address[1])
        self.url = f"{'http' if tls is None else 'https'}://{host}:{self.port}/hooks"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(WAIT_S_MAX)

    def know(self, secret: str, name: str = "first") -> None:
        """A secret to verify signatures with."""
        self.secrets[name] = secret

    def bodies(self) -> list[Any]:
        """The events, in the order they came."""
        with self._changed:
            return [received.json for received in self.received]

    def ids(self) -> list[str]:
        """Their webhook-ids, in the order they came."""
        with self._changed:
            return [received.webhook_id for received in self.received]

    def wait_for(self, count: int, *, within_s: float = WAIT_S_MAX) -> list[Received]:
        """What has come, once it is at least so much; fails when it is not in time."""
        with self._changed:
            enough = self._changed.wait_for(lambda: len(self.received) >= count, within_s)
            assert enough, f"only {len(self.received)} of {count} requests came within {within_s} s"
            return list(self.received)

    def unsigned(self) -> list[Received]:
        """What came without a signature by any secret it knows: there must be none."""
        with self._changed:
            return [received for received in self.received if not received.matching]

    @contextmanager
    def _counted(self) -> Iterator[int]:
        with self._changed:
            self._in_flight += 1
            here = self._in_flight
        try:
            yield here
        finally:
            with self._changed:
                self._in_flight -= 1

    def _take(self, handler: BaseHTTPRequestHandler, in_flight: int) -> Received:
        expected = int(handler.headers.get("content-length", "0"))
        body = handler.rfile.read(expected)
        if len(body) < expected:
            raise ConnectionResetError("the sender died in the middle of its request")
        headers = {name.lower(): value for name, value in handler.headers.items()}
        matching = tuple(name for name, secret in list(self.secrets.items()) if verified(secret, headers, body))
        with self._changed:
            received = Received(
                number=len(self.received) + 1,
                webhook_id=headers.get("webhook-id", ""),
                headers=headers,
                body=body,
                matching=matching,
                in_flight=in_flight,
            )
            self.received.append(received)
            self._changed.notify_all()
        return received

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                with outer._counted() as in_flight, suppress(OSError):
                    received = outer._take(self, in_flight)
                    outer.behave(Exchange(self, received, outer._closing))

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class names it so
                pass

        return Handler


def verified(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Whether one of the signatures is by this secret and the request is fresh (Standard Webhooks 1.0.0)."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        webhook_id, sent_at = headers["webhook-id"], headers["webhook-timestamp"]
        signatures = headers["webhook-signature"].split(" ")
        fresh = abs(time.time() - int(sent_at)) <= TOLERANCE_S
    except (KeyError, ValueError):
        return False
    signed = f"{webhook_id}.{sent_at}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return fresh and any(hmac.compare_digest(expected, one) for one in signatures)
