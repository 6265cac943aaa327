"""An issuer's JWKS endpoint on the loopback that can be told to misbehave."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Behaviour = Callable[[BaseHTTPRequestHandler], None]


class JwksServer:
    """Answers every GET by `behave`, and counts them."""

    def __init__(self) -> None:
        self.hits = 0
        self.behave: Behaviour = self.respond(404, b"")
        self._closing = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.hits += 1
                outer.behave(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class names it so
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/jwks.json"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def publish(self, *members: dict[str, Any]) -> None:
        self.behave = self.respond(200, json.dumps({"keys": members}).encode())

    def respond(self, status: int, body: bytes, **headers: str) -> Behaviour:
        def behave(request: BaseHTTPRequestHandler) -> None:
            request.send_response(status)
            for name, value in headers.items():
                request.send_header(name, value)
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body)

        return behave

    def slowly(self, behave: Behaviour, *, after_s: float) -> Behaviour:
        def late(request: BaseHTTPRequestHandler) -> None:
            self._closing.wait(after_s)
            behave(request)

        return late

    def hang(self, request: BaseHTTPRequestHandler) -> None:
        self._closing.wait(600)

    def drip(self, request: BaseHTTPRequestHandler) -> None:
        """A valid head, then a byte now and then, each within any socket timeout."""
        request.send_response(200)
        request.send_header("Content-Length", "100000")
        request.end_headers()
        try:
            while not self._closing.wait(0.05):
                request.wfile.write(b" ")
        except OSError:
            pass  # The client hung up, as it should.
