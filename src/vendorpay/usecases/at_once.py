"""The short way for a command that is alone: one statement, one round trip, on the guess that nothing is in its way.

A batch asks first and writes then, which is two trips for nothing when one caller creates one payment after the other.
Only what is refused by a unique key whenever a decision would refuse it may go this way; where the guess was wrong
nothing is written, and the batch's way finds out why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from vendorpay.domain.errors import DatabaseUnavailable
from vendorpay.store import claims
from vendorpay.store.batch_writer import Rows, write_if_unclaimed
from vendorpay.store.claims import Held, Wanted
from vendorpay.store.db import Database, explained, is_lost
from vendorpay.usecases.command import Command, Done
from vendorpay.usecases.fate import found_out


@dataclass(frozen=True)
class Tried:
    """What came of the short way: an answer, or none, and nothing was written. `doubtful` is the answer that holds if
    the statement, whose line was cut, runs after all.
    """

    answer: Done | Exception | None = None
    doubtful: Done | None = None


async def at_once(
    database: Database, command: Command, wanted: Wanted, decided: Callable[[Held, Rows], Done | Exception]
) -> Tried:
    """Tries it; DatabaseUnavailable is an answer too, when nobody can be asked what was written."""
    rows = Rows()
    done = decided(claims.nothing_found(wanted), rows)
    if not isinstance(done, Done):
        return Tried()
    try:
        async with database.connection() as connection:
            return Tried(done if await write_if_unclaimed(connection, wanted, rows) else None)
    except DatabaseUnavailable as error:
        return Tried(error)
    except Exception as error:  # refused by the database, or a bug: the batch's way meets it again, and says so
        if not is_lost(error):
            # What took as long as anybody may wait is not tried a second time.
            too_long = isinstance(error, psycopg.errors.LockNotAvailable | psycopg.errors.QueryCanceled)
            return Tried(explained(error) if too_long else None)
        lost = error
    written = await was_written(database, wanted, command)
    if written is None:
        unavailable = DatabaseUnavailable()
        unavailable.__cause__ = lost
        return Tried(unavailable)
    return Tried(done) if written else Tried(doubtful=done)


async def was_written(database: Database, wanted: Wanted, command: Command) -> bool | None:
    """Whether the command is on record; None when that cannot be found out in time.

    A transaction holds what it claims for as long as it is under way: whoever holds the same sees how it ended. A
    statement that has not even begun may still do so later, unless by then what it claims is taken.
    """
    return await found_out(
        database, lambda connection: claims.committed_under_locks(connection, wanted, [command.command_id])
    )
