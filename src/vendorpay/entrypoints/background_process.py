"""`vendorpay worker`: background work alone, in this process, until a signal comes."""

from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext
from typing import Final

from vendorpay import __version__, observe
from vendorpay.entrypoints import database_home, handoff, metrics_listener, wiring
from vendorpay.entrypoints.ids import system_now
from vendorpay.entrypoints.listening import listen, url_of
from vendorpay.settings import Settings

READY: Final = "vendorpay worker is at work"


def work(settings: Settings) -> int:
    """Runs until SIGTERM or SIGINT, finishes what it holds; returns the exit code.

    Raises EmbeddedPostgresError, DatabaseUrlRefused, DatabaseNotReady, MigrationError or CannotListen.
    """
    observe.configure(settings.log_level, json=settings.log_format == "json")
    metrics_listener.count_alone()
    with _listening(settings) as scraped, database_home.of_service(settings) as home:
        asyncio.run(database_home.bring_up_to_date(home.urls, now=system_now()))
        asyncio.run(_work(handoff.work_of(settings, database_url=home.urls.app, background=True), scraped))
    observe.info("stopped")
    return 0


def _listening(settings: Settings) -> AbstractContextManager[socket.socket | None]:
    """Where scrapes come in, if any are wanted."""
    if settings.worker_metrics_port is None or not settings.metrics:
        return nullcontext()
    return listen(settings.host, settings.worker_metrics_port)


async def _work(given: handoff.Work, scraped: socket.socket | None) -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    async with AsyncExitStack() as stack:
        deps = await stack.enter_async_context(wiring.working(given))
        if scraped is not None:
            await stack.enter_async_context(metrics_listener.answering(deps, scraped))
            observe.info("metrics are shown", url=url_of(scraped))
        print(READY, flush=True)
        observe.info("ready", version=__version__)
        await asked.wait()
        observe.info("stopping")
