"""Connections that are kept open and lent to one thread at a time; `close` wakes whoever waits on one."""

from __future__ import annotations

import http.client
import select
import socket
import threading
from base64 import b64encode
from contextlib import suppress
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

from vendorpay.client.problem import Closed

IDLE_MAX: Final = 32
"""How many are kept open while nobody needs them."""


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a service, or a proxy, listens. `path` comes before every path that is asked for."""

    scheme: str
    host: str
    port: int
    path: str = ""
    credentials: str | None = None
    """What a proxy wants to hear, as a header's value."""

    @classmethod
    def of(cls, url: str) -> Address:
        """From a URL; what it says of a user is for proxies alone. Raises ValueError for what is none."""
        parts = urlsplit(url)
        port = parts.port
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"no http:// or https:// URL: {url.rpartition('@')[2]!r}")
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
        return cls(
            scheme=parts.scheme,
            host=parts.hostname,
            port=port or (443 if parts.scheme == "https" else 80),
            path=parts.path.rstrip("/"),
            credentials=None if user is None else "Basic " + b64encode(user.encode()).decode(),
        )

    @property
    def shown(self) -> str:
        """As people write it, without what is secret."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.port == (443 if self.scheme == "https" else 80)
        return f"{self.scheme}://{host}{'' if usual else f':{self.port}'}{self.path}"


class Connections:
    """Those to one address, through a proxy if there is one; they may be taken from several threads."""

    def __init__(self, address: Address, *, timeout_s: float, proxy: Address | None = None) -> None:
        self.address = address
        self._proxy = proxy
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._idle: list[http.client.HTTPConnection] = []
        self._lent: set[http.client.HTTPConnection] = set()
        self._closed = False

    def take(self) -> http.client.HTTPConnection:
        """An open one that the other side has not closed, or one that opens when it is used. Raises Closed."""
        with self._lock:
            if self._closed:
                raise Closed("The client is closed.")
            connection = self._idle_one() or self._opened()
            self._lent.add(connection)
            return connection

    def give_back(self, connection: http.client.HTTPConnection, *, reusable: bool) -> None:
        """It is not needed any more; one that is reusable has had its whole answer read."""
        with self._lock:
            self._lent.discard(connection)
            if reusable and connection.sock is not None and not self._closed and len(self._idle) < IDLE_MAX:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Closes what is idle, and ends what is under way: whoever waits there gets an error at once."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            waiting = [sock for each in self._lent if (sock := each.sock) is not None]
        for connection in idle:
            connection.close()
        for sock in waiting:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def head_of(self, target: str) -> tuple[str, dict[str, str]]:
        """The request line's target, and the headers, that the way to the service asks for."""
        target = self.address.path + target
        if self._proxy is None or self.address.scheme == "https":
            return target, {}
        credentials = self._proxy.credentials
        return (
            f"http://{self.address.host}:{self.address.port}{target}",
            {"Proxy-Authorization": credentials} if credentials else {},
        )

    def _idle_one(self) -> http.client.HTTPConnection | None:
        while self._idle:
            connection = self._idle.pop()
            if _is_quiet(connection):
                return connection
            connection.close()
        return None

    def _opened(self) -> http.client.HTTPConnection:
        nearest = self._proxy or self.address
        if self.address.scheme == "http":
            return http.client.HTTPConnection(nearest.host, nearest.port, timeout=self._timeout_s)
        connection = http.client.HTTPSConnection(nearest.host, nearest.port, timeout=self._timeout_s)
        if self._proxy is not None:
            headers = {"Proxy-Authorization": self._proxy.credentials} if self._proxy.credentials else {}
            connection.set_tunnel(self.address.host, self.address.port, headers)
        return connection


def _is_quiet(connection: http.client.HTTPConnection) -> bool:
    """Whether nothing came since the last answer: what comes unasked is the end of the connection."""
    if connection.sock is None:
        return False
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return not poll.poll(0)
