"""One process that answers requests: `python -m vendorpay.entrypoints.serving_process`, started by `serve` alone.

It reads its Handoff from standard input, takes connections from the inherited socket, and on SIGTERM stops taking
them, answers what it holds, and ends with 0.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from typing import Final

import uvloop

from vendorpay import metrics, observe
from vendorpay.entrypoints import asgi
from vendorpay.entrypoints.handoff import Handoff, taken
from vendorpay.entrypoints.http_server import HttpServer
from vendorpay.entrypoints.ids import system_now
from vendorpay.entrypoints.lifeline import die_with_parent

GC_THRESHOLD: Final = (20_000, 20, 50)


def main() -> int:
    """The exit code: 0 after an orderly end, 1 when the service could not be opened or broke."""
    # A Ctrl-C reaches the whole group: `serve` alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    handoff = taken(sys.stdin.buffer)
    die_with_parent(sys.stdin.fileno())
    observe.configure(handoff.log_level, json=handoff.log_format == "json")
    metrics.attach(handoff.memory, handoff.workers, handoff.number, at_s=system_now().timestamp())
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_serve(handoff))
    except SystemExit:  # uvicorn's way to say that the app, which has logged why, could not be opened
        return 1
    except Exception as error:
        observe.log_failure(error=error)
        return 1


async def _serve(handoff: Handoff) -> int:
    try:
        app = asgi.make(handoff)
        server = HttpServer(app, handoff.socket)
    except Exception as error:
        observe.log_failed_start(error)
        return 1
    # What was imported stays for good, and a request leaves no cycles: looking for garbage after every 700 new objects,
    # as Python would, costs a twentieth of all the time.
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLD)
    stopped = False

    def stop() -> None:
        nonlocal stopped
        stopped = True
        app.drain()
        server.stop()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    await server.run_until_stopped()
    return 0 if stopped else 1


if __name__ == "__main__":
    sys.exit(main())
