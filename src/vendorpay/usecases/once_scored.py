"""Approvals that come before a payment's score: they wait for it a moment, and are refused only when it does not come.

A score is there within a fraction of a second after its payment. Who creates and approves at once, by a program or a
script, would else have to try again by themselves. Nothing is held while they wait: a refusal writes nothing and frees
its key, so the very same command is handed in once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from vendorpay import metrics
from vendorpay.domain.errors import ScorePending
from vendorpay.usecases.command import Command, Commands, Done
from vendorpay.usecases.in_bulk import ItemResult, submit_in_chunks

PAUSES_S: Final = (0.05, 0.1, 0.2, 0.4, 0.75, 1.0)
"""Between one try and the next; 2.5 s in all."""


async def submit(commands: Commands, command: Command) -> Done:
    """The command's answer. Raises what it was refused with; ScorePending only when the score has not come in time."""
    for pause_s in PAUSES_S:
        try:
            return await commands.submit(command)
        except ScorePending:
            with metrics.at_rest:
                await asyncio.sleep(pause_s)
    return await commands.submit(command)


async def submit_many(commands: Commands, wanted: Sequence[Command]) -> list[ItemResult]:
    """What became of each, in their order; those that lack a score wait together. Raises as `submit_in_chunks`."""
    results = await submit_in_chunks(commands, wanted)
    for pause_s in PAUSES_S:
        early = [n for n, result in enumerate(results) if isinstance(result, ScorePending)]
        if not early:
            break
        with metrics.at_rest:
            await asyncio.sleep(pause_s)
        again = await submit_in_chunks(commands, [wanted[n] for n in early])
        for n, result in zip(early, again, strict=True):
            results[n] = result
    return results
