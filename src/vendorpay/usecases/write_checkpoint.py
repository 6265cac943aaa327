"""Write checkpoints of the audit log: put on record in the database, then handed to where they are kept.

What dies in between is made up for by the next run, which begins with what its destination lacks: a document is made
anew from the database, byte for byte the same, and is refused when the entries are no longer those that it signed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Final

import msgspec
import psycopg

from vendorpay import observe
from vendorpay.domain.checkpoint import (
    ENTRIES_MAX,
    Checkpoint,
    Document,
    Held,
    NotShipped,
    signs,
    unfit,
)
from vendorpay.domain.errors import Overloaded
from vendorpay.ports import CheckpointDestination
from vendorpay.store import checkpoints, sequencer
from vendorpay.store.checkpoints import StoredCheckpoint
from vendorpay.store.db import Connection, Database, explained
from vendorpay.store.sequencer import PassOutcome, Stream
from vendorpay.usecases.deps import Deps

NUMBERED_MAX: Final = 10_000
PASSES_MAX: Final = 100_000
BUSY_MAX: Final = 500
BUSY_PAUSE_S: Final = 0.02
MADE_PER_STEP_MAX: Final = 100
"""How many a timer makes before it lets the others have a turn."""

WHAT_TO_DO: Final = 'docs/audit.md says what to do: "When a checkpoint on record is false".'

Told = Callable[[int], None]
"""Told the number of each checkpoint that was handed over."""


async def make_and_hand_over(
    database: Database,
    destination: CheckpointDestination,
    now: Callable[[], datetime],
    *,
    most: int,
    told: Told = lambda number: None,
) -> tuple[list[Checkpoint], tuple[int, ...]]:
    """What was made, and the numbers that were handed over: also when no more can be made, for what is there is proof.

    Raises NotShipped, after everything that can be done was; DatabaseUnavailable or Overloaded.
    """
    made: list[Checkpoint] = []
    unmade: NotShipped | None = None
    try:
        made = await make(database, now, most=most)
    except NotShipped as error:
        unmade = error
    try:
        handed = await hand_over(database, destination, now, told)
    except NotShipped as error:
        if unmade is None or str(unmade) == str(error):
            raise
        raise NotShipped(f"{unmade} {error}") from error
    if unmade is not None:
        raise unmade
    return made, handed


async def make(database: Database, now: Callable[[], datetime], *, most: int) -> list[Checkpoint]:
    """Puts checkpoints on record until everything that is committed now is covered, or `most` are made.

    Empty when nothing is new. Raises NotShipped when an entry is gone that none has covered yet, and NotWritten when
    the newest one is none; DatabaseUnavailable or Overloaded. What was made before that stays.
    """
    await _number_everything(database)
    made: list[Checkpoint] = []
    while len(made) < most and (one := await _make_one(database, now)) is not None:
        made.append(one)
    return made


async def hand_over(
    database: Database,
    destination: CheckpointDestination,
    now: Callable[[], datetime],
    told: Told = lambda number: None,
) -> tuple[int, ...]:
    """Hands to the destination what it lacks: everything to an empty one, else all after its oldest. The numbers.

    Raises NotShipped when something did not get there, after everything else did, and when the destination belongs to
    another database or knows more than this one; DatabaseUnavailable or Overloaded.
    """
    held = await destination.held()
    handed: list[int] = []
    lost: NotShipped | None = None
    async with database.reading(for_long=True) as connection:
        if destination.identity is not None:
            held = Held(numbers=await checkpoints.shipped(connection, destination.identity))
        elif held.numbers:
            await _require_same(connection, held)
        async for row in _lacking(connection, held):
            try:
                await destination.put(row.number, (await document(connection, row)).text())
            except (NoLongerTrue, NotWritten) as error:
                lost = lost or error  # the others are still worth keeping
                continue
            if destination.identity is not None:
                await checkpoints.ship(connection, destination.identity, row.number, now())
            handed.append(row.number)
            told(row.number)
    if lost is not None:
        raise lost
    return tuple(handed)


async def documents(database: Database, numbers: range) -> AsyncIterator[Document]:
    """The documents of checkpoints on record. Raises what `document` does, DatabaseUnavailable or Overloaded."""
    async with database.reading(for_long=True) as connection:
        async for row in checkpoints.after(connection, numbers.start - 1):
            if row.number not in numbers:
                return
            yield await document(connection, row)


async def document(connection: Connection, row: StoredCheckpoint) -> Document:
    """What is kept of a checkpoint elsewhere. Raises NoLongerTrue or NotWritten."""
    said = _said_by(row)
    lines = await checkpoints.lines(connection, said.from_position, said.to_position)
    if not signs(said, lines):
        raise NoLongerTrue(row.number)
    return Document(checkpoint=said, hash=row.hash.hex(), entries=tuple(lines))


class NoLongerTrue(NotShipped):
    """The database no longer has what a checkpoint on record says."""

    def __init__(self, number: int) -> None:
        super().__init__(
            f"The entries of checkpoint {number} are not those that it was made of. Run `vendorpay audit verify`. "
            f"{WHAT_TO_DO}"
        )


class NotWritten(NotShipped):
    """A row of checkpoints is none that this program wrote: whoever wrote it was somebody else."""

    def __init__(self, number: int) -> None:
        super().__init__(f"Row {number} of audit_checkpoints is no checkpoint: somebody else wrote it. {WHAT_TO_DO}")


async def step(deps: Deps) -> bool:
    """What the timer does: nothing without a destination. True when more is waiting.

    Raises NotShipped, after it was logged, so that the step counts as failed; it is tried again the next time. Raises
    DatabaseUnavailable or Overloaded. Two processes may take it at once: each checkpoint is made once, but a command
    may be handed one twice (docs/audit.md).
    """
    if deps.checkpoints is None:
        return False
    try:
        made, handed = await make_and_hand_over(deps.database, deps.checkpoints, deps.now, most=MADE_PER_STEP_MAX)
    except NotShipped as error:
        observe.failed("checkpoints were not handed over", fault=str(error))
        raise
    if handed:
        observe.info("checkpoints were handed over", count=len(handed))
    return len(made) == MADE_PER_STEP_MAX


async def _number_everything(database: Database) -> None:
    """Gives a position to each entry that is committed now: a checkpoint covers nothing that has none."""
    busy = 0
    async with database.reading(for_long=True) as connection:
        for _ in range(PASSES_MAX):
            taken = await sequencer.number(connection, Stream.AUDIT, most=NUMBERED_MAX, known=None)
            if taken.outcome is PassOutcome.MOVED:
                await sequencer.renumber(connection, Stream.AUDIT)
            elif taken.outcome is PassOutcome.BUSY and busy < BUSY_MAX:
                busy += 1
                await asyncio.sleep(BUSY_PAUSE_S)
            elif taken.outcome is PassOutcome.BUSY:
                raise Overloaded
            elif taken.outcome is not PassOutcome.MORE:
                return


async def _make_one(database: Database, now: Callable[[], datetime]) -> Checkpoint | None:
    try:
        async with database.connection() as connection, connection.transaction():
            await checkpoints.hold(connection)
            newest = await checkpoints.newest(connection)
            before = None if newest is None else _said_by(newest)
            start = 0 if before is None else before.to_position
            lines = await checkpoints.lines(connection, start, start + ENTRIES_MAX)
            if not lines:
                return None
            if (fault := unfit(lines, start)) is not None:
                raise NotShipped(f"No checkpoint can be made: {fault}. Run `vendorpay audit verify`.")
            made = Checkpoint.over(lines, before, now=now())
            await checkpoints.insert(connection, made)
            return made
    except psycopg.Error as error:
        raise explained(error) from error


def _said_by(row: StoredCheckpoint) -> Checkpoint:
    """What a row says. Raises NotWritten when that is nothing, or not what its columns say."""
    try:
        said = msgspec.json.decode(row.canonical, type=Checkpoint)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotWritten(row.number) from error
    columns = (row.number, row.from_position, row.to_position, row.previous_hash.hex(), row.canonical, row.hash)
    places = (said.number, said.from_position, said.to_position, said.previous_hash)
    if (*places, said.canonical(), said.hash()) != columns:
        raise NotWritten(row.number)
    return said


async def _require_same(connection: Connection, held: Held) -> None:
    """Raises NotShipped unless the newest checkpoint of the destination is one of ours."""
    newest = max(held.numbers)
    row = await anext(checkpoints.after(connection, newest - 1), None)
    if row is not None and (row.number, row.hash.hex()) == (newest, held.newest_hash):
        return
    raise NotShipped(
        f"Checkpoint {newest}, the newest that is kept there, is not in this database: it is of another one, or this "
        "one was restored from a backup, or tampered with. Find out with `vendorpay audit verify --checkpoint`; after "
        "a restore, checkpoints need a new place."
    )


async def _lacking(connection: Connection, held: Held) -> AsyncIterator[StoredCheckpoint]:
    async for row in checkpoints.after(connection, min(held.numbers, default=1) - 1):
        if row.number not in held.numbers:
            yield row
