"""Where a key set comes from: an issuer's URL, or any callable that returns one.

A source blocks, so the cache calls it in a thread. It returns the decoded document or raises JwksUnavailable.
"""

import contextlib
import http.client
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from vendorpay.adapters.jwks_keys import JwksUnavailable

JwksSource = Callable[[], object]

FETCH_TIMEOUT_S = 3.0
BODY_BYTES_MAX = 1024 * 1024


class JwksUrlRefused(ValueError):
    """The JWKS URL must be https, or http to the own machine, without user name and password."""


class JwksUrl:
    """Fetches the set over HTTP(S). Plain http is for the own machine alone: who changes the set can be anyone.

    http.client and not urllib.request: it follows no redirect and asks no proxy of the environment.
    """

    def __init__(self, url: str, *, timeout_s: float = FETCH_TIMEOUT_S) -> None:
        """Raises JwksUrlRefused."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise JwksUrlRefused("the JWKS URL is not a URL") from error
        if not parts.hostname or "@" in parts.netloc or not url.isascii() or not url.isprintable() or " " in url:
            raise JwksUrlRefused("the JWKS URL needs a host, and no user name, password or space")
        if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
            raise JwksUrlRefused("the JWKS URL must be https (http is for the own machine alone)")
        self._host, self._port, self._timeout_s = parts.hostname, port, timeout_s
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None

    def __call__(self) -> object:
        connection = self._connection()
        try:
            connection.connect()
            with _deadline(connection.sock, self._timeout_s):
                return _decoded(self._body(connection))
        except (OSError, http.client.HTTPException) as error:
            raise JwksUnavailable(f"the issuer does not answer ({type(error).__name__})") from error
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout_s, context=self._tls)

    def _body(self, connection: http.client.HTTPConnection) -> bytes:
        headers = {"Accept": "application/json", "User-Agent": "vendorpay", "Connection": "close"}
        connection.request("GET", self._target, headers=headers)
        with connection.getresponse() as answer:
            if answer.status != 200:
                raise JwksUnavailable(f"the issuer answers with status {answer.status}")
            return answer.read(BODY_BYTES_MAX + 1)


def _decoded(body: bytes) -> object:
    if len(body) > BODY_BYTES_MAX:
        raise JwksUnavailable(f"the key set is larger than {BODY_BYTES_MAX} bytes")
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise JwksUnavailable("the answer is not JSON") from error
    return document


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextlib.contextmanager
def _deadline(connected: socket.socket, timeout_s: float) -> Iterator[None]:
    """Hangs up after timeout_s.

    A socket's own timeout bounds one read; an issuer that drips a byte a second would hold the thread for
    days.
    """
    timer = threading.Timer(timeout_s, _hang_up, (connected,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _hang_up(connected: socket.socket) -> None:
    # Shutting down, unlike closing, wakes the thread that reads; past TLS, whose own shutdown would unwrap the
    # socket under that thread's hands.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connected, socket.SHUT_RDWR)
