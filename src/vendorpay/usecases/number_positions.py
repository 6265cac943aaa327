"""Number what has been committed: one pass of the sequencer at a time, and what follows from how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from vendorpay import metrics, observe
from vendorpay.domain.errors import Overloaded
from vendorpay.store import sequencer
from vendorpay.store.db import Database
from vendorpay.store.sequencer import Pass, PassOutcome, Stream

MOST: Final = 5_000
"""How many rows a pass takes, about: some tenths of a second of work, where the role's timeout allows ten seconds."""
IDLE_PASSES_MAX: Final = 8
"""Then a pass looks again, whatever it knows: a server that crashed can come back to the same transaction numbers."""


@dataclass
class _State:
    """What is remembered of a stream between two passes."""

    most: int
    known: str | None = None
    idle_passes: int = 0


class Numbering:
    """Passes over both streams of one database. Any number of processes may do this at once; one of them works."""

    def __init__(self, database: Database, *, most: int = MOST) -> None:
        self._database = database
        self._most = most
        self._states = {stream: _State(most=most) for stream in Stream}

    async def step(self, stream: Stream) -> bool:
        """One pass; whether there is more to do at once. Raises as `number` does."""
        return (await self.number(stream)).outcome is PassOutcome.MORE

    async def number(self, stream: Stream) -> Pass:
        """One pass, and how it ended. On another server than before everything is looked at once.

        Raises DatabaseUnavailable; Overloaded when it took longer than the role allows: the next one takes less.
        """
        state = self._states[stream]
        known = state.known if state.idle_passes < IDLE_PASSES_MAX else None
        try:
            async with self._database.reading() as connection:
                found = await sequencer.number(connection, stream, most=state.most, known=known)
        except Overloaded:
            state.most = max(1, state.most // 4)
            raise
        if found.outcome is PassOutcome.MOVED:
            found = await self._renumbered(stream)
        if found.outcome is not PassOutcome.BUSY:
            state.most = min(self._most, state.most * 2)
            self._remember(state, found)
            metrics.sequencer_pass(stream.value, found.numbered)
        return found

    def _remember(self, state: _State, found: Pass) -> None:
        state.idle_passes = state.idle_passes + 1 if found.outcome is PassOutcome.IDLE else 0
        # A pass that numbered something has moved the server on by its own transaction.
        state.known = found.target_seen if found.outcome is not PassOutcome.MORE and not found.numbered else None

    async def _renumbered(self, stream: Stream) -> Pass:
        observe.warning("the database is on another server: numbering begins anew", stream=stream.value)
        async with self._database.reading(for_long=True) as connection:
            numbered = await sequencer.renumber(connection, stream)
        observe.warning("numbering began anew", stream=stream.value, count=numbered)
        return Pass(outcome=PassOutcome.MORE, numbered=numbered, target_seen=None)
