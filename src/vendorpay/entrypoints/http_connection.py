"""One client's connection: uvicorn's on httptools, with the limits that it leaves to a proxy before it.

A head has a size and a time, requests ahead of their answers have a number, and no connection is kept for a client
that neither asks nor listens. The times are looked at by the server now and then: a request sets no timer.
"""

from __future__ import annotations

import asyncio
import re
import resource
from typing import Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from vendorpay.api import problems
from vendorpay.domain.errors import FieldFault, InvalidRequest, MalformedJson, VendorPayError
from vendorpay.entrypoints.http_transport import Flow, Joining
from vendorpay.entrypoints.ids import new_id, system_now

CONNECTIONS_MAX: Final = 16_384
"""How many connections one process holds, idle ones included; those beyond are closed at once."""
FILES_BESIDE: Final = 256
HEAD_BYTES_MAX: Final = 64 * 1024
"""How much of a request may be no body: its head, and what chunks have around them and behind them."""
CHUNK_BYTES: Final = 16
"""What a piece of a body may have around it without being counted."""
HEAD_S_MAX: Final = 30.0
"""How long a request line with its headers may take to come, from its first byte or from the connection on."""
IDLE_S_MAX: Final = 75.0
"""How long a connection is kept after an answer for its next request, or for the end of a body nobody wants."""
SEND_S_MAX: Final = 60.0
"""How long a client may leave what is sent to it unread."""
PIPELINED_MAX: Final = 32
"""How many requests may wait behind the one that is being answered; then these are answered, and no more."""
UNWANTED_BYTES_MAX: Final = 32 * 1024 * 1024
"""How much of a body is taken and thrown away after its answer, so that the client comes to read that."""

_NO_PATH: Final = re.compile(rb"https?://[^/?#]+(?=[?#]|\Z)", re.IGNORECASE)


class NotTaken(Exception):
    """Raised into the parser to stop it in the middle of what came."""


class Connection(HttpToolsProtocol):
    """One client's connection."""

    transport: Joining
    flow: Flow
    head_since: float | None = None
    """When the head that is coming began to; None while a request has its head."""
    _deaf_since: float | None = None  # since when the client reads nothing of what waits for it
    _quiet_since = 0.0
    _seen: RequestResponseCycle | None = None  # the newest request at the last look that found nothing under way
    _running: RequestResponseCycle | None = None  # the request being answered; `cycle` is the newest
    _last = False  # what comes is thrown away, and after the answers under way it closes
    _piece_bytes = 0  # what the piece that is being parsed has that is no body
    _begun = False  # whether a request began in that piece
    _beside_bytes = 0  # what came of a request that is no body, and perhaps of the heads before it in that piece
    _unwanted_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Takes the connection, or closes it where there are too many."""
        super().connection_made(Joining(transport, self.loop))
        self.flow = Flow(self.transport)
        self.head_since = self.loop.time()
        if len(self.connections) > connections_max():
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tells the request being answered, too: uvicorn tells the newest one alone."""
        running = self._running
        if running is not None and not running.response_complete:
            running.disconnected = True
            running.message_event.set()
        self.pipeline.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Reads on, within the limits of what is no body."""
        if self._last:
            self._throw_away(len(data))
            return
        self._piece_bytes = len(data)
        self._beside_bytes += self._piece_bytes
        self._begun = False
        super().data_received(data)
        if self._beside_bytes > HEAD_BYTES_MAX:
            self._weigh(data)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self.head_since = self.loop.time()
        self._begun = True
        self._beside_bytes = self._piece_bytes
        self._unwanted_bytes = 0

    def on_headers_complete(self) -> None:
        """Its head is complete. Raises NotTaken where it is too long, or one too many."""
        if self._beside_bytes > HEAD_BYTES_MAX and self._known_bytes() > HEAD_BYTES_MAX:
            self._refuse(_too_long())
            raise NotTaken
        if len(self.pipeline) >= PIPELINED_MAX:
            raise NotTaken
        if self.url[:1] != b"/":  # RFC 9112, 3.2.2: an absolute form without a path means the path "/"
            self.url = _NO_PATH.sub(rb"\g<0>/", self.url, count=1)
        super().on_headers_complete()
        self.head_since = None
        if self.pipeline:
            self.flow.held = True
        else:
            self._running = self.cycle

    def on_body(self, body: bytes) -> None:
        """A part of its body came, perhaps after its answer."""
        super().on_body(body)
        size = len(body)
        self._piece_bytes -= size
        beside = self._beside_bytes - size - CHUNK_BYTES
        self._beside_bytes = beside if beside > 0 else 0
        if self.cycle.response_complete:
            self._throw_away(size)

    def on_response_complete(self) -> None:
        """An answer is written: on with the next request, which is read only when none waits.

        In place of uvicorn's, which reads on while others wait, and sets a timer for each answer.
        """
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.pipeline:
            self._running, app = self.pipeline.pop()
            self._start_asgi_task(self._running, app)
        if not self.pipeline:
            self.flow.held = False
            self.flow.resume_reading()

    def pause_writing(self) -> None:
        """The client reads more slowly than it is answered."""
        super().pause_writing()
        self._deaf_since = self.loop.time()

    def resume_writing(self) -> None:
        """It has read."""
        super().resume_writing()
        self._deaf_since = None

    def send_400_response(self, msg: str) -> None:
        """Refuses what is no HTTP."""
        if self.head_since is None:
            self._refuse(MalformedJson(reason="it is not framed as HTTP/1.1 has it"))
        else:
            self._refuse(InvalidRequest([FieldFault("$", "is no HTTP/1.1 request that can be answered here")]))

    def look(self, now: float) -> None:
        """Closes a connection whose client takes too long: to ask, to send what nobody wants, or to read."""
        if self._is_deaf(now, SEND_S_MAX):
            self.transport.abort()
        elif self._is_under_way():
            if self.head_since is not None:
                self.head_since = now  # perhaps it is we who don't read it
        else:
            if self.cycle is not self._seen:
                self._seen = self.cycle
                self._quiet_since = now
            began = self.head_since
            if now > (self._quiet_since + IDLE_S_MAX if began is None else began + HEAD_S_MAX):
                self.transport.close()

    def hasten(self, now: float, patience_s: float) -> None:
        """While the server stops: waits no more for the rest of a body, for a request, or for a client that is deaf."""
        if self._is_deaf(now, patience_s):
            self.transport.abort()
        elif not self._is_under_way():
            self.transport.close()
        elif self.cycle.more_body:
            self._refuse(MalformedJson(reason="it had not come to its end when the server stopped"))

    def _is_under_way(self) -> bool:
        # They are answered in their order: when the newest has its answer, all have. (Before the first there is none.)
        newest: RequestResponseCycle | None = self.cycle
        return newest is not None and not newest.response_complete

    def _is_deaf(self, now: float, most_s: float) -> bool:
        if self._deaf_since is None and self.transport.is_closing():
            self._deaf_since = now  # it closes when the rest is read, which may be never
        return self._deaf_since is not None and now - self._deaf_since >= most_s

    def _throw_away(self, size: int) -> None:
        self._unwanted_bytes += size
        if self._unwanted_bytes <= UNWANTED_BYTES_MAX:
            return
        if self._is_under_way():
            self.flow.held = True
            self.flow.pause_reading()
        else:
            self.transport.close()

    def _known_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _weigh(self, data: bytes) -> None:
        if self._begun:  # so that the heads before it in this piece were counted with it
            unended = len(data) - data.rfind(b"\n") - 1 if self.head_since is not None else 0
            self._beside_bytes = max(self._known_bytes(), unended)
        if self._beside_bytes > HEAD_BYTES_MAX:
            self._refuse(_too_long())

    def _refuse(self, error: VendorPayError) -> None:
        """Ends the connection over what just came: answered itself only where the client waits for nothing else."""
        if self.transport.is_closing() or self._last:
            return
        if not self._is_under_way():
            if self.head_since is not None:
                self._say(error)
            self.transport.close()
        elif self.head_since is None and self.cycle.more_body:
            if self.pipeline:  # behind requests that are whole; it is not begun, so that it may be sent again
                self.pipeline.popleft()
                assert self._running is not None, "what is behind a request has one before it"
                self.cycle = self.pipeline[0][0] if self.pipeline else self._running
                self._end()
            elif self.cycle.response_started:
                self._end()
            else:
                self._say(error)
                self.transport.close()
        else:
            self._end()

    def _end(self) -> None:
        self._last = True
        self.head_since = None
        self.cycle.keep_alive = False
        # A socket closed with something unread in it is reset, and its client may lose the answer.
        self._unwanted_bytes = 0
        self.flow.held = False
        self.flow.resume_reading()

    def _say(self, error: VendorPayError) -> None:
        answer = problems.refusal(error, str(new_id(system_now())))
        head = (
            STATUS_LINE[answer.status],
            b"content-type: %s\r\n" % answer.content_type,
            b"content-length: %d\r\nconnection: close\r\n\r\n" % len(answer.body),
        )
        self.transport.write(b"".join((*head, answer.body)))


def _too_long() -> VendorPayError:
    return InvalidRequest([FieldFault("$", f"has more than {HEAD_BYTES_MAX} bytes beside its body")])


_most_connections: int | None = None


def connections_max() -> int:
    """As many as the system lets this process have files for, which is asked for first."""
    global _most_connections
    if _most_connections is None:
        wanted = CONNECTIONS_MAX + FILES_BESIDE
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if soft != resource.RLIM_INFINITY and soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        _most_connections = max(1, most - FILES_BESIDE)
    return _most_connections
