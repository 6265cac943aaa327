"""The short way for commands of which all is new: one statement, one trip, on the guess that nothing is in their way.

A batch asks first and writes then, which is two trips for nothing when everybody creates payments that were never
there. Only what is refused by a unique key whenever a decision would refuse it may go this way; where the guess was
wrong for one of them nothing is written, and the batch's way finds out why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg

from vendorpay.domain.errors import DatabaseUnavailable
from vendorpay.store import claims
from vendorpay.store.batch_writer import Rows
from vendorpay.store.claims import Held, Wanted
from vendorpay.store.db import Database, explained, is_lost
from vendorpay.store.guarded_writer import write_if_unclaimed
from vendorpay.usecases.command import Command, Done
from vendorpay.usecases.fate import found_out


@dataclass(frozen=True)
class Tried:
    """What came of the short way: the answers, or none, and nothing was written. `doubtful` are the answers that hold
    if the statement, whose line was cut, runs after all: it writes for all commands or for none.
    """

    answers: Sequence[Done | Exception] | None = None
    doubtful: Sequence[Done] | None = None


async def at_once(
    database: Database,
    commands: Sequence[Command],
    wanted: Wanted,
    decided: Callable[[Held, Rows], Sequence[Done | Exception]],
) -> Tried:
    """Tries it; DatabaseUnavailable is an answer too, when nobody can be asked what was written."""
    rows = Rows()
    answers = decided(claims.nothing_found(wanted), rows)
    done = [answer for answer in answers if isinstance(answer, Done)]
    if len(done) < len(answers):
        return Tried()
    try:
        async with database.connection() as connection:
            return Tried(done if await write_if_unclaimed(connection, wanted, rows) else None)
    except DatabaseUnavailable as error:
        return Tried([error] * len(commands))
    except Exception as error:  # refused by the database, or a bug: the batch's way meets it again, and says so
        if not is_lost(error):
            return Tried(_too_late(error, len(commands)))
        lost = error
    written = await were_written(database, wanted, commands)
    if written is None:
        unavailable = DatabaseUnavailable()
        unavailable.__cause__ = lost
        return Tried([unavailable] * len(commands))
    return Tried(done) if written else Tried(doubtful=done)


def _too_late(error: Exception, number: int) -> Sequence[Exception] | None:
    """What one command alone is told that took as long as anybody may wait; others go on one by one."""
    too_long = isinstance(error, psycopg.errors.LockNotAvailable | psycopg.errors.QueryCanceled)
    return [explained(error)] if too_long and number == 1 else None


async def were_written(database: Database, wanted: Wanted, commands: Sequence[Command]) -> bool | None:
    """Whether the commands are on record; None when that cannot be found out in time.

    A transaction holds what it claims for as long as it is under way: whoever holds the same sees how it ended. A
    statement that has not even begun may still do so later, unless by then what it claims is taken.
    """
    ids = [command.command_id for command in commands]
    return await found_out(database, lambda connection: claims.committed_under_locks(connection, wanted, ids))
