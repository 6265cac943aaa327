"""Put payments into the fraud history that it lacks: those of before the service had one, or of while nobody scored.

A payment without its row is one that later ones are not held against: a vendor of years would look new. The walk goes
through all payments, oldest first, in small steps; what is there already costs a look. So it may be broken off anywhere
and begun anew, by anybody, at any time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from vendorpay import observe
from vendorpay.store import fraud_backfill, fraud_history, read_payments
from vendorpay.store.db import Database
from vendorpay.usecases.fraud_reads import kept_of

LOOKED_MAX: Final = 2_000
"""How many payments one step looks at: some milliseconds of the database where nothing is lacking."""
ROWS_MAX: Final = 100
"""Rows put there by one transaction, which holds as many payments: tens of milliseconds."""
LOOK_RESTS: Final = 19
FILL_RESTS: Final = 4
"""How many times as long as a look, or a transaction, took nothing is done after it where there is no hurry: looking
has a twentieth of a core, for it goes through all payments at each start; filling a fifth."""
REST_S_MAX: Final = 2.0
SETTLED_AFTER: Final = timedelta(minutes=1)
"""What is younger is about to be scored, and comes into the history by that."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What one step did. `in_hand`: payments that somebody was changing, left for another walk. Not `is_our_turn`:
    another process fills the same gaps.
    """

    looked: int = 0
    filled: int = 0
    in_hand: int = 0
    is_our_turn: bool = True
    is_last: bool = False


class FraudGaps:
    """One walk after another. Raises DatabaseUnavailable or Overloaded; the same step is then taken again."""

    def __init__(self, database: Database, now: Callable[[], datetime], *, hurries: bool = False) -> None:
        """Without hurry it leaves database and disk to others for most of the time."""
        self._database = database
        self._now = now
        self._hurries = hurries
        self._after = read_payments.FIRST
        self._in_hand = self._filled = 0

    async def step(self) -> Step:
        """Goes on a little. After the last step the next walk begins where this one ended; from the beginning when it
        left something behind.
        """
        began = asyncio.get_running_loop().time()
        async with self._database.reading() as connection:
            found = await fraud_backfill.lacking(
                connection, after=self._after, before=self._now() - SETTLED_AFTER, limit=LOOKED_MAX
            )
        await self._rest(began, LOOK_RESTS)
        filled = 0
        for first in range(0, len(found.payment_ids), ROWS_MAX):
            began = asyncio.get_running_loop().time()
            done = await self._fill(found.payment_ids[first : first + ROWS_MAX])
            if done is None:
                return Step(filled=filled, is_our_turn=False)
            filled += done
            await self._rest(began, FILL_RESTS)
        in_hand = len(found.payment_ids) - filled
        self._in_hand += in_hand
        self._filled += filled
        self._after = found.last_id or self._after
        is_last = found.looked < LOOKED_MAX
        if is_last:
            self._ended()
        return Step(looked=found.looked, filled=filled, in_hand=in_hand, is_last=is_last)

    async def _fill(self, payment_ids: tuple[UUID, ...]) -> int | None:
        """How many were put there; None when it is another's turn."""
        async with self._database.reading() as connection, connection.transaction():
            if not await fraud_backfill.take_turn(connection):
                return None
            payments = await fraud_backfill.held(connection, payment_ids)
            await fraud_history.keep(connection, [kept_of(one) for one in payments])
            return len(payments)

    async def _rest(self, began: float, times: int) -> None:
        if not self._hurries:
            took_s = asyncio.get_running_loop().time() - began
            await asyncio.sleep(min(REST_S_MAX, times * took_s))

    def _ended(self) -> None:
        if self._filled:
            observe.info("payments were put into the fraud history", count=self._filled)
        if self._in_hand:
            self._after = read_payments.FIRST
        self._in_hand = self._filled = 0
