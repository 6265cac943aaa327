"""Sends the chunks of a file, a few at once, each until every payment in it has its answer."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from vendorpay.entrypoints.cli.failures import CommandFailed
from vendorpay.entrypoints.cli.http_client import Service
from vendorpay.entrypoints.cli.payments_import.chunks import Chunk
from vendorpay.entrypoints.cli.payments_import.ledger import Ledger, Result, results_in

IN_FLIGHT_MAX: Final = 2
ATTEMPTS_MAX: Final = 20
"""How often a request is tried, and a chunk sent: minutes, in which a service is started again."""
PAUSE_S_FIRST: Final = 0.2
PAUSE_S_MAX: Final = 10.0
AGAIN: Final = frozenset({429, 503})
IN_FLIGHT: Final = "idempotency_in_flight"


async def send_all(service: Service, found: Iterator[Chunk], ledger: Ledger, progress: Callable[[], None]) -> None:
    """Sends every chunk and settles each in the file's order. Raises Refused, CommandFailed; what was settled stays."""
    under_way: deque[tuple[Chunk, asyncio.Task[list[Result]]]] = deque()

    async def settle_first() -> None:
        chunk, sending = under_way[0]
        results = await sending
        under_way.popleft()
        ledger.settle(chunk, results)
        progress()

    try:
        for chunk in found:
            key = ledger.state.key_of(chunk.first_line)
            under_way.append((chunk, asyncio.ensure_future(_send(service, chunk, key))))
            if len(under_way) == IN_FLIGHT_MAX:
                await settle_first()
        while under_way:
            await settle_first()
    finally:
        for _, sending in under_way:
            sending.cancel()
        await asyncio.gather(*(sending for _, sending in under_way), return_exceptions=True)


async def _send(service: Service, chunk: Chunk, key: str) -> list[Result]:
    """The results, all of them final: with the key, what was done before is answered again and the rest is done."""
    count = len(chunk.sent)
    if not count:
        return []
    body = chunk.body
    for attempt in range(ATTEMPTS_MAX):
        results = results_in(await service.post_lines("/payments/bulk", body, key=key), count)
        if not any(map(_is_open, results)):
            return results
        pause_s = min(PAUSE_S_MAX, PAUSE_S_FIRST * 2**attempt)
        await asyncio.sleep(pause_s * (0.5 + secrets.randbelow(1000) / 1000))
    raise CommandFailed(
        f"The service did not take all payments from line {chunk.first_line} on in {ATTEMPTS_MAX} attempts. "
        "Give the same command again later: it goes on there."
    )


def _is_open(result: Result) -> bool:
    return result.status in AGAIN or result.problem.code == IN_FLIGHT
