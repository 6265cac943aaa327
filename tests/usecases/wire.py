"""A wire to PostgreSQL that can be cut or go silent at a chosen moment of the conversation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import parse_qs, urlsplit, urlunsplit


class Fault(Enum):
    """What happens to a connection once what was waited for goes by."""

    CUT_BEFORE = "the message does not get through, and the line is dead"
    CUT_AFTER = "the message gets through, and the line is dead before its answer"
    SILENT = "the message gets through, and nothing comes back any more"


@dataclass
class Wire:
    """Forwards bytes; `fault` strikes when `trigger` is in a message to the server, `times` times."""

    socket: str
    trigger: bytes = b""
    fault: Fault | None = None
    times: int = 1
    struck: int = 0
    down: bool = False
    on_strike: Callable[[], None] = lambda: None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def strike_at(self, trigger: bytes, fault: Fault, times: int = 1) -> None:
        """Arms the fault."""
        self.trigger, self.fault, self.times = trigger, fault, times

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client's connection."""
        if self.down:
            writer.transport.abort()
            return
        server_reader, server_writer = await asyncio.open_unix_connection(self.socket)
        self._writers |= {writer, server_writer}
        back = asyncio.create_task(_pump(server_reader, writer))
        try:
            await self._forward(reader, writer, server_writer, back)
        except OSError:
            pass  # the other side was faster
        finally:
            back.cancel()
            for one in (writer, server_writer):
                one.transport.abort()
                self._writers.discard(one)

    async def _forward(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        server: asyncio.StreamWriter,
        back: asyncio.Task[None],
    ) -> None:
        while data := await reader.read(1 << 20):
            if self.fault is None or self.struck >= self.times or self.trigger not in data:
                server.write(data)
                await server.drain()
                continue
            self.struck += 1
            self.on_strike()
            if self.fault is Fault.CUT_BEFORE:
                server.write(data[: data.index(self.trigger)])
                await server.drain()
                return
            back.cancel()
            server.write(data)
            await server.drain()
            if self.fault is Fault.CUT_AFTER:
                writer.transport.abort()
                server.write_eof()
                await asyncio.sleep(0.2)  # the server does what it was asked to, and finds nobody to tell
                return
            await reader.read()  # until the client gives up

    def cut_all(self) -> None:
        """Cuts every connection there is."""
        for writer in [*self._writers]:
            writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 20):
            writer.write(data)
            await writer.drain()
        writer.close()
    except OSError:
        pass  # cut


@asynccontextmanager
async def wire_to(url: str) -> AsyncIterator[tuple[Wire, str]]:
    """A wire to the server of a libpq URL by its unix socket, and the URL that leads through it."""
    parts = urlsplit(url)
    asked = parse_qs(parts.query)
    wire = Wire(socket=f"{asked['host'][0]}/.s.PGSQL.{asked['port'][0]}")
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    login = parts.netloc.rpartition("@")[0]
    try:
        yield wire, urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{port}", query=""))
    finally:
        server.close()
        wire.cut_all()
        await server.wait_closed()
