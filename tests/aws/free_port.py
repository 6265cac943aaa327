"""A port that nobody listens on, at least until now."""

import socket


def free_port() -> int:
    """Of the loopback address."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
