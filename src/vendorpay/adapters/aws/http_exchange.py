"""One HTTP/1.1 request on a connection of its own, over asyncio's streams, which are imported anyway.

Enough for the JSON services of AWS, which are asked once in an hour: `http.client` would cost a cold start 11 ms, and a
thread. Whoever answers is not trusted: everything that is read has a limit.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from functools import cache
from typing import Final
from urllib.parse import SplitResult, urlsplit

import msgspec

HEAD_BYTES_MAX: Final = 64 * 1024
BODY_BYTES_MAX: Final = 1024 * 1024
_NO_BODY: Final = frozenset({204, 304})


class ExchangeFailed(Exception):
    """No whole answer came; the message says of what kind, and nothing that was sent."""


class HttpAnswer(msgspec.Struct, frozen=True):
    """A status with its headers, their names in lower case, and the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def host_of(address: str) -> str:
    """What stands in `Host`: with the port where it is not the scheme's own."""
    parts = urlsplit(address)
    return f"{parts.hostname}:{_port(parts)}" if _port(parts) != _usual_port(parts) else str(parts.hostname)


async def exchange(
    method: str,
    address: str,
    headers: Mapping[str, str],
    body: bytes,
    timeout_s: float,
    *,
    ca_bundle: str | None = None,
) -> HttpAnswer:
    """The answer of an http or https address; the latter's authorities are the bundle's, without one the system's.

    Raises ExchangeFailed, after `timeout_s` for all of it at the latest.
    """
    parts = urlsplit(address)
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(
                parts.hostname,
                _port(parts),
                ssl=_trust(ca_bundle) if parts.scheme == "https" else None,
                limit=HEAD_BYTES_MAX,
            )
            try:
                writer.write(_request(method, parts, headers, body))
                return await _answer(reader)
            finally:
                writer.transport.abort()
    except TimeoutError as error:
        raise ExchangeFailed(f"{parts.hostname} did not answer within {timeout_s:.1f} s") from error
    except ssl.SSLError as error:
        raise ExchangeFailed(f"{parts.hostname} could not be trusted: {error.reason}") from error
    except OSError as error:
        raise ExchangeFailed(
            f"{parts.hostname} could not be reached: {error.strerror or type(error).__name__}"
        ) from error
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
        raise ExchangeFailed(f"{parts.hostname} answered with something that is not HTTP") from error


@cache
def _trust(ca_bundle: str | None) -> ssl.SSLContext:
    """Reading all the system's authorities takes 20 ms, reading Amazon's five takes one."""
    return ssl.create_default_context(cafile=ca_bundle)


def _usual_port(parts: SplitResult) -> int:
    return 443 if parts.scheme == "https" else 80


def _port(parts: SplitResult) -> int:
    return parts.port or _usual_port(parts)


def _request(method: str, parts: SplitResult, headers: Mapping[str, str], body: bytes) -> bytes:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a line break in a request's head")
    lines += [f"content-length: {len(body)}", "connection: close", "", ""]
    return "\r\n".join(lines).encode() + body


async def _answer(reader: asyncio.StreamReader) -> HttpAnswer:
    while (status := _status(head := await _head(reader))) < 200:
        pass  # 100 Continue and its like announce the answer
    headers = dict(_header(line) for line in head[1:])
    return HttpAnswer(status, headers, b"" if status in _NO_BODY else await _body(reader, headers))


async def _head(reader: asyncio.StreamReader) -> list[str]:
    return (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]


def _status(head: list[str]) -> int:
    version, _, rest = head[0].partition(" ")
    if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
        raise ValueError("no status line")
    return int(rest[:3])


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        raise ValueError("a header without a colon")
    return name.strip().lower(), value.strip()


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return await _chunks(reader)
    if "content-length" in headers:
        return await reader.readexactly(_bounded(int(headers["content-length"])))
    body = await reader.read(BODY_BYTES_MAX + 1)
    while more := await reader.read(BODY_BYTES_MAX + 1):
        body += more
        _bounded(len(body))
    return body


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        _bounded(len(body) + size)
        body += (await reader.readexactly(size + 2))[:-2]
    return body


def _bounded(size: int) -> int:
    if not 0 <= size <= BODY_BYTES_MAX:
        raise ValueError("a body beyond all measure")
    return size
