"""Sends the chunks of a file, a few at once, each until every payment in it has its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from vendorpay.client import Client, NoAnswer, Outcome, Patience
from vendorpay.entrypoints.cli.failures import CommandFailed
from vendorpay.entrypoints.cli.overlapping import in_order
from vendorpay.entrypoints.cli.payments_import.chunks import AnyChunk
from vendorpay.entrypoints.cli.payments_import.ledger import Ledger

IN_FLIGHT_MAX: Final = 4
PATIENCE: Final = Patience(attempts_max=40, total_s_max=600.0)
"""Minutes, in which a service is started again."""


def send_all(client: Client, found: Iterator[AnyChunk], ledger: Ledger, progress: Callable[[], None]) -> None:
    """Sends every chunk and settles each in the file's order. Raises ClientError, CommandFailed; what was settled
    stays."""

    def send(chunk: AnyChunk) -> list[Outcome]:
        return _sent(client, chunk, ledger.state.key_of(chunk.first_line))

    for chunk, results in in_order(send, found, IN_FLIGHT_MAX):
        ledger.settle(chunk, results)
        progress()


def _sent(client: Client, chunk: AnyChunk, key: str) -> list[Outcome]:
    """The results, all of them final: with the key, what was done before is answered again and the rest is done."""
    if not chunk.count:
        return []
    try:
        return client.create_payments_of_lines(chunk.body, chunk.count, key=key)
    except NoAnswer as away:
        raise CommandFailed(
            f"{away} The service did not take all payments from line {chunk.first_line} on. Check --url, and give the "
            "same command again later: it goes on there."
        ) from away
