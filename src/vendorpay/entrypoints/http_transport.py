"""What lies between a connection and its socket: it joins what is written, and holds back what is read."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterable
from typing import Final

from uvicorn.protocols.http.flow_control import FlowControl

Piece = bytes | bytearray | memoryview

_AT_ONCE: Final = struct.pack("ii", 1, 0)


class Joining(asyncio.Transport):
    """A transport that sends in one piece what is written in one turn of the loop: uvicorn writes the head and the body
    of an answer apart, and each piece is a system call here and a process woken up there.

    What is written to it once it closes is dropped: the client is gone, and the loop's own transport would raise.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._pieces: list[Piece] = []

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self._transport.get_extra_info(name, default)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._transport.get_protocol()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._transport.set_protocol(protocol)

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._transport.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size() + sum(map(len, self._pieces))

    def write(self, data: Piece) -> None:
        if not self._pieces:
            self._loop.call_soon(self._send)
        self._pieces.append(data)

    def writelines(self, list_of_data: Iterable[Piece]) -> None:
        for data in list_of_data:
            self.write(data)

    def close(self) -> None:
        self._send()
        self._transport.close()

    def abort(self) -> None:
        self._pieces.clear()
        # Reset, or the kernel would keep what was written for a client that never reads it.
        held = self._transport.get_extra_info("socket")
        if held is not None:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self._transport.abort()

    def _send(self) -> None:
        pieces, self._pieces = self._pieces, []
        if pieces and not self._transport.is_closing():
            self._transport.writelines(pieces)


class Flow(FlowControl):
    """uvicorn's flow control, which reads on at every answer and every wish for a body; not so while it is `held`."""

    held = False

    def resume_reading(self) -> None:
        """Reads on, unless held."""
        if self.read_paused and not self.held:
            super().resume_reading()
