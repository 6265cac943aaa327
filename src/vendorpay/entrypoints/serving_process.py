"""One process that answers requests: `python -m vendorpay.entrypoints.serving_process`, started by `serve` alone.

It reads its Handoff from standard input, takes connections from the inherited socket, and on SIGTERM stops taking
them, answers what it holds, and ends with 0.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
from typing import Any, Final

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from vendorpay import metrics, observe
from vendorpay.entrypoints import asgi
from vendorpay.entrypoints.handoff import Handoff, taken
from vendorpay.entrypoints.ids import system_now
from vendorpay.entrypoints.lifeline import die_with_parent
from vendorpay.entrypoints.listening import BACKLOG

CONNECTIONS_MAX: Final = 16_384
"""How many connections one process holds, idle ones included; those beyond wait in the backlog, unanswered."""
FILES_BESIDE: Final = 256

# Granian would write its own lines to stdout: they go through our logs instead.
_LOGS: Final[dict[str, Any]] = {"handlers": {}, "formatters": {}, "loggers": {"_granian": {"propagate": True}}}


class _OnInheritedSocket(Server):
    """Granian binds its own socket, with SO_REUSEPORT; ours is bound, shared and held by `serve`."""

    def __init__(self, app: asgi.App, descriptor: int) -> None:
        super().__init__(
            app,
            interface=Interfaces.ASGI,
            http=HTTPModes.http1,
            websockets=False,
            backlog=BACKLOG,
            # Without it as many as the backlog: a thousand idle connections would shut everybody else out.
            backpressure=_connections_max(),
            log_level=LogLevels.error,  # It warns that embedding is experimental, at every start.
            log_dictconfig=_LOGS,
        )
        self._descriptor = descriptor

    def _init_shared_socket(self) -> None:
        self._ssp = None
        # Granian's stub leaves out what it is made of: descriptor, whether it is a unix socket, backlog.
        self._shd = SocketHolder(self._descriptor, False, BACKLOG)  # type: ignore[call-arg, assignment]


def _connections_max() -> int:
    """As many as the system lets this process have files for, which is asked for first."""
    wanted = CONNECTIONS_MAX + FILES_BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return max(1, most - FILES_BESIDE)


def main() -> int:
    """The exit code: 0 after an orderly end, 1 when the service could not be opened or broke."""
    # A Ctrl-C reaches the whole group: `serve` alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    handoff = taken(sys.stdin.buffer)
    die_with_parent(sys.stdin.fileno())
    observe.configure(handoff.log_level, json=handoff.log_format == "json")
    metrics.attach(handoff.memory, handoff.workers, handoff.number, at_s=system_now().timestamp())
    try:
        return asyncio.run(_serve(handoff))
    except Exception as error:
        observe.log_failure(error=error)
        return 1


async def _serve(handoff: Handoff) -> int:
    app = asgi.make(handoff)
    server = _OnInheritedSocket(app, handoff.socket)
    stopped = False

    def stop() -> None:
        nonlocal stopped
        stopped = True
        app.drain()
        server.stop()  # type: ignore[no-untyped-call]

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    await server.serve()
    return 0 if stopped else 1


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: threads of granian's outlive the loop, and abort when they meet an interpreter being taken down.
    os._exit(code)
