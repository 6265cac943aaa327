"""The listening socket: one, held by `serve` and shared by its processes.

So no other program can share the port unnoticed, and a connection that comes while a process is being replaced waits
instead of being refused.
"""

from __future__ import annotations

import errno
import socket
from typing import Final

BACKLOG: Final = 1024


class CannotListen(Exception):
    """The address cannot be listened on; the message says why and what to do."""


def listen(host: str, port: int) -> socket.socket:
    """A non-blocking socket that takes connections from now on. Raises CannotListen."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise CannotListen(
            f"{host} is no address of this machine ({error.strerror}). Choose another --host."
        ) from error
    family, kind, protocol, _, address = found[0]
    listening = socket.socket(family, kind, protocol)
    try:
        # For connections that linger from the last run. (SO_REUSEPORT would let a second server in as well.)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise CannotListen(_advice(host, port, error)) from error
    return listening


def url_of(listening: socket.socket) -> str:
    """The http URL of the socket, with the port that the system chose for port 0."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def reachable_url_of(listening: socket.socket) -> str:
    """The same from this machine: who listens everywhere is reached by loopback."""
    url = url_of(listening)
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def _advice(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is in use by another program. "
            f"Stop that program, or choose another port: --port {port + 1 if port < 65535 else 8081} "
            "(VENDORPAY_PORT, for a worker VENDORPAY_WORKER_METRICS_PORT)."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} may not be used by this user. Choose one above 1023 with --port."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine. Choose another --host; 127.0.0.1 always works."
    return f"Cannot listen on {host} port {port}: {error.strerror}. Choose another --host or --port."
