"""Filling the fraud history from a command, with how far it is on stderr."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Final

import msgspec

from vendorpay.entrypoints.cli.failures import CommandFailed
from vendorpay.entrypoints.cli.output import as_json
from vendorpay.settings import Settings

if TYPE_CHECKING:
    from vendorpay.store.db import Database
    from vendorpay.usecases.fraud_gaps import FraudGaps

WALKS_MAX: Final = 10
"""How often payments are come back to that somebody had in hand each time."""
PAUSE_S: Final = 0.5
TOLD_EVERY: Final = 20_000


class Filled(msgspec.Struct, rename="camel"):
    """What was done; `left`: payments that somebody had in hand each time. The service comes back to them."""

    looked: int = 0
    filled: int = 0
    left: int = 0


def run(settings: Settings) -> Filled:
    """Fills what is lacking. Raises CommandFailed when the database does not answer."""
    from vendorpay.entrypoints.database_home import DatabaseHome, for_command

    async def asked(home: DatabaseHome) -> Filled:
        from vendorpay.domain.errors import DatabaseUnavailable
        from vendorpay.entrypoints.ids import system_now
        from vendorpay.store.db import Database
        from vendorpay.usecases.fraud_gaps import FraudGaps

        async with Database.open(home.urls.app, pool_size=1) as database:
            try:
                return await _walks(database, FraudGaps(database, system_now, hurries=True))
            except DatabaseUnavailable as error:
                raise CommandFailed(
                    "The database does not answer. What was filled stays; give the command again when it does."
                ) from error

    with for_command(settings) as home:
        return asyncio.run(asked(home))


def show(done: Filled, *, json: bool) -> None:
    """What came of it, in words or as one line of JSON."""
    if json:
        as_json(msgspec.to_builtins(done))
        return
    print(f"{done.filled} of {done.looked} payments were put into the fraud history; the others were there.")
    if done.left:
        print(f"{done.left} were being changed each time: give the command again, or leave them to the service.")


async def _walks(database: Database, filling: FraudGaps) -> Filled:
    from vendorpay.store import fraud_backfill

    async with database.reading() as connection:
        about = await fraud_backfill.about(connection)
    done = Filled()
    for _ in range(WALKS_MAX):
        walk = await _walk(filling, about)
        done = Filled(looked=max(done.looked, walk.looked), filled=done.filled + walk.filled, left=walk.left)
        if not walk.left:
            break
        await asyncio.sleep(PAUSE_S)
    return done


async def _walk(filling: FraudGaps, about: int) -> Filled:
    done, told = Filled(), 0
    while True:
        step = await filling.step()
        done.looked, done.filled = done.looked + step.looked, done.filled + step.filled
        done.left += step.in_hand
        if not step.is_our_turn:
            await asyncio.sleep(PAUSE_S)  # the service is at it: the same payments are looked at again
        if done.looked >= told + TOLD_EVERY:
            told = done.looked
            print(f"vendorpay: {told} of about {max(about, told)} looked at, {done.filled} filled", file=sys.stderr)
        if step.is_last:
            return done
