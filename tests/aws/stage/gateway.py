"""The stand-in for API Gateway: HTTP in, a REST API's event to the one function of the route, its response out.

It checks tokens as the Cognito authorizer does, and passes on the claims of those that hold; what it refuses itself
it says as infra/gateway_answers.py has the real one say it.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from uuid import uuid4

from tests.aws.gateway_events import V1, event
from tests.aws.runtime_api import Crashed, FunctionError, TimedOut
from tests.aws.stage.functions import Functions
from tests.aws.stage.people import People
from vendorpay.adapters.jwks import JwksCache
from vendorpay.adapters.jwks_source import JwksUrl
from vendorpay.adapters.token_verifier import JwtVerifier
from vendorpay.api.errors import MethodNotAllowed, NoSuchPath
from vendorpay.api.operation import Operation
from vendorpay.api.operations import OPERATIONS
from vendorpay.api.problems import title_of, type_of
from vendorpay.api.router import Router
from vendorpay.domain.errors import IssuerUnavailable, NotFound, Overloaded, Unauthenticated, VendorPayError
from vendorpay.entrypoints.aws.functions import FUNCTIONS

TIMEOUT_S: Final = 29.0
_HOST: Final = "127.0.0.1"
_FUNCTION_OF: Final = {name: row.name for row in FUNCTIONS for name in row.operations}


class Gateway:
    """Serves in threads of its own until it is closed."""

    def __init__(self, functions: Functions, people: People) -> None:
        self._functions = functions
        self._router = Router(OPERATIONS)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        keys = JwksCache(JwksUrl(people.jwks_url), monotonic=time.monotonic)
        self._verifier = JwtVerifier(keys, issuer=people.issuer, audience=people.client, now=time.time)
        self._server = _Server((_HOST, 0), type("_Bound", (_Handler,), {"gateway": self}))
        self.url = f"http://{_HOST}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def answer(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> dict[str, Any]:
        """The response to one request, as a function writes it."""
        try:
            operation, _ = self._router.find(method, target.partition("?")[0].encode())
        except (NoSuchPath, MethodNotAllowed):
            return _refused(404, NotFound)
        try:
            who = self._claims(operation, headers)
        except Unauthenticated:
            return _refused(401, Unauthenticated, ("WWW-Authenticate", "Bearer"))
        except IssuerUnavailable:
            return _refused(503, IssuerUnavailable, ("Retry-After", "1"))
        return self._asked(operation, _event(operation, method, target, headers, body, who))

    def _claims(self, operation: Operation, headers: list[tuple[str, str]]) -> Mapping[str, Any] | None:
        if operation.permission is None:
            return None
        given = [value for name, value in headers if name.lower() == "authorization"]
        token = given[-1].rpartition(" ")[2] if given else ""
        return asyncio.run_coroutine_threadsafe(self._verifier.verify(token), self._loop).result(TIMEOUT_S)

    def _asked(self, operation: Operation, told: dict[str, Any]) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = self._functions.invoke(_FUNCTION_OF[operation.name], told, timeout_s=TIMEOUT_S)
        except (Crashed, FunctionError, TimedOut):
            return _refused(503, Overloaded, ("Retry-After", "1"))
        return answer


def _event(
    operation: Operation,
    method: str,
    target: str,
    headers: list[tuple[str, str]],
    body: bytes,
    who: Mapping[str, Any] | None,
) -> dict[str, Any]:
    try:
        body.decode("utf-8")
        encoded = False
    except UnicodeDecodeError:
        encoded = True
    return event(
        V1, method, target, template=operation.path, who=who, headers=headers, body=body or None, encoded=encoded
    )


def _refused(status: int, error: type[VendorPayError], *headers: tuple[str, str]) -> dict[str, Any]:
    request_id, code = str(uuid4()), error.code
    problem = {"type": type_of(code), "title": title_of(code), "status": status, "code": code, "requestId": request_id}
    named = (("Content-Type", "application/problem+json"), ("X-Request-Id", request_id), *headers)
    return {
        "statusCode": status,
        "multiValueHeaders": {name: [value] for name, value in named},
        "body": json.dumps(problem | {"detail": title_of(code)}),
        "isBase64Encoded": False,
    }


class _Server(ThreadingHTTPServer):
    request_queue_size = 256  # with Python's five, some of forty clients at once were cut off on a busy machine
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    gateway: Gateway
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = self.gateway.answer(self.command, self.path, list(self.headers.items()), body)
        text = answer.get("body") or ""
        # As it is, base64 too: a REST API without binary media types undoes nothing.
        said = text.encode()
        self.send_response(answer["statusCode"])
        for name, values in answer.get("multiValueHeaders", {}).items():
            for value in values:
                self.send_header(name, value)
        if answer["statusCode"] not in (204, 304):
            self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = do_OPTIONS = _any  # noqa: N815 - the base class's

    def log_message(self, *_: Any) -> None:
        """Nothing: the functions' own logs are what tests show."""
