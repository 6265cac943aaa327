"""A wire to PostgreSQL that notes what goes by, as RDS Proxy reads it: every statement, and whether it is prepared.

What makes the proxy keep a server connection for one client alone ("pinning") is in
https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/rds-proxy-pinning.html
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, urlsplit, urlunsplit

PINNING: Final = (
    re.compile(r"(?:^|;)\s*(?:SET|RESET|DISCARD|LISTEN|UNLISTEN|PREPARE|EXECUTE|DEALLOCATE|DECLARE|LOAD)\b", re.I),
    re.compile(r"\bCREATE\s+(?:GLOBAL\s+|LOCAL\s+)?TEMP", re.I),
    re.compile(r"\b(?:nextval|setval|currval|lastval|set_config)\s*\(", re.I),
    # Those of a transaction (.._xact_lock) do not pin.
    re.compile(r"\bpg_(?:try_)?advisory_(?:unlock|lock)\w*\s*\(", re.I),
)
_NOT_A_STARTUP: Final = {80877103, 80877102, 80877104}
"""SSLRequest, CancelRequest, GSSENCRequest: what comes before the startup packet, or in its place."""


@dataclass
class Tap:
    """What went by. `pins` is what would have pinned a connection of the proxy's."""

    socket: str
    statements: list[str] = field(default_factory=list)
    pins: set[str] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client's connection."""
        server_reader, server_writer = await asyncio.open_unix_connection(self.socket)
        back = asyncio.create_task(_pumped(server_reader, writer))
        messages = _Messages()
        try:
            while data := await reader.read(1 << 16):
                for kind, body in messages.fed(data):
                    self._note(kind, body)
                server_writer.write(data)
                await server_writer.drain()
        except OSError:
            pass  # the other side was faster
        finally:
            server_writer.transport.abort()
            writer.transport.abort()
            back.cancel()

    def _note(self, kind: bytes, body: bytes) -> None:
        if kind == b"Q":
            self._read(body.partition(b"\0")[0].decode())
        elif kind == b"P":
            name, _, rest = body.partition(b"\0")
            if name:
                self.pins.add("a prepared statement")
            self._read(rest.partition(b"\0")[0].decode())

    def _read(self, statement: str) -> None:
        self.statements.append(statement)
        self.pins |= {statement for pattern in PINNING if pattern.search(statement)}


class _Messages:
    """The messages in what a client sends (PostgreSQL's protocol 3)."""

    def __init__(self) -> None:
        self._left = b""
        self._started = False

    def fed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Those that are whole by now; the ones before the first statement have no kind."""
        self._left += data
        while True:
            at = 1 if self._started else 0
            if len(self._left) < at + 4:
                return
            length = int.from_bytes(self._left[at : at + 4], "big")
            if len(self._left) < at + length:
                return
            kind, body = self._left[:at], self._left[at + 4 : at + length]
            self._left = self._left[at + length :]
            self._started = self._started or int.from_bytes(body[:4], "big") not in _NOT_A_STARTUP
            yield kind, body


async def _pumped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.close()
    except OSError:
        pass  # the other side was faster


@asynccontextmanager
async def tap_on(url: str) -> AsyncIterator[tuple[Tap, str]]:
    """A tap on the way to the server of a libpq URL by its unix socket, and the URL that leads by it."""
    parts = urlsplit(url)
    asked = parse_qs(parts.query)
    tap = Tap(socket=f"{asked['host'][0]}/.s.PGSQL.{asked['port'][0]}")
    server = await asyncio.start_server(tap.serve, "127.0.0.1", 0)
    login = parts.netloc.rpartition("@")[0]
    port = server.sockets[0].getsockname()[1]
    try:
        # What is encrypted cannot be read; the proxy, which is the other end, can.
        yield tap, urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{port}", query="sslmode=disable"))
    finally:
        server.close()
        await server.wait_closed()
