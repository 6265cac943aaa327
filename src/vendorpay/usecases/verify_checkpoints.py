"""Compare the audit log with checkpoints: those on record in the database, and documents that were kept elsewhere.

What a document covers is proved by it, down to the first entry: it names the hash of the checkpoint before, that one
the next, and each signs its entries. Without documents the database is only compared with itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from datetime import UTC, timedelta
from typing import Final
from uuid import UUID

import msgspec

from vendorpay.domain.audit_months import Months
from vendorpay.domain.checkpoint import (
    ENTRIES_MAX,
    Checkpoint,
    Document,
    Line,
    faults_of,
    signs,
    wrong_link,
)
from vendorpay.store import checkpoints
from vendorpay.store.checkpoints import StoredCheckpoint
from vendorpay.store.db import Connection

FAULTS_SHOWN_MAX: Final = 100
BACKDATED_S: Final = 3600
"""An entry may claim to be a little older than the newest checkpoint that does not cover it: it was under way then."""

Progress = Callable[[int, int], None]
"""Told how many positions were compared, of how many."""


class CheckpointFault(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is not as a checkpoint says: which one, and which entry when it is about one."""

    number: int | None
    position: int | None = None
    subject_id: UUID | None = None
    seq: int | None = None
    what: str


class CheckpointReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What was compared. `provedTo`: the last position that a document covers, 0 without documents.

    `entriesSince` came after the newest document (without one: after the newest on record); of these, `backdatedSince`
    say that they are more than an hour older than it, which is no proof of anything, but worth a look.
    """

    stored: int
    documents: int
    proved_to: int
    made_at: str | None
    entries_since: int
    backdated_since: int
    broken: int
    faults: tuple[CheckpointFault, ...]


async def check_all(
    connection: Connection,
    documents: Iterable[Document],
    months: Months,
    progress: Progress = lambda done, total: None,
) -> CheckpointReport:
    """Compares everything, in a snapshot that the caller holds. `documents` come in the order of their numbers."""
    walk = _Walk(connection, months)
    given, newest_position = await checkpoints.given(connection)
    async for row, document in _paired(checkpoints.after(connection, 0), iter(documents)):
        await walk.compare(row, document)
        progress(walk.covered_to, newest_position)
    for after in range(walk.covered_to, newest_position, ENTRIES_MAX):
        walk.look_at_uncovered(await checkpoints.lines(connection, after, after + ENTRIES_MAX), after, newest_position)
        progress(min(after + ENTRIES_MAX, newest_position), newest_position)
    if given != newest_position:
        walk.tell(None, f"positions were given up to {given}, but the last one there is {newest_position}")
    return await _report(connection, walk)


async def check_one(connection: Connection, documents: Iterable[Document], subject_id: UUID) -> CheckpointReport:
    """Compares one subject's entries with what the documents say of them, in a snapshot that the caller holds."""
    walk = _Walk(connection, Months((), frozenset()))
    hashes = await checkpoints.hashes_of(connection, subject_id)
    for document in documents:
        if walk.whole(document):
            for line in document.entries:
                if f" {subject_id} " in line:
                    said = Line.parse(line)
                    if hashes.get(said.seq) != said.hash:
                        walk.tell(document.checkpoint.number, _fate(hashes.get(said.seq)), said)
        walk.last_document = document
    return await _report(connection, walk, subject_id)


async def _report(connection: Connection, walk: _Walk, subject_id: UUID | None = None) -> CheckpointReport:
    newest = walk.last_row if walk.last_document is None else walk.last_document.checkpoint
    since = backdated = 0
    if newest is not None and subject_id is None:
        moment = newest.moment - timedelta(seconds=BACKDATED_S)
        since, backdated = await checkpoints.since(connection, newest.to_position, moment)
    return CheckpointReport(
        stored=walk.stored,
        documents=walk.documents,
        proved_to=0 if walk.last_document is None else walk.last_document.checkpoint.to_position,
        made_at=None if newest is None else newest.made_at,
        entries_since=since,
        backdated_since=backdated,
        broken=walk.broken,
        faults=tuple(walk.faults),
    )


class _Walk:
    """Goes through the checkpoints in their order, and remembers what the next one must follow on."""

    def __init__(self, connection: Connection, months: Months) -> None:
        self._connection = connection
        self._months = months
        self.last_row: Checkpoint | None = None
        self.last_document: Document | None = None
        self.stored = self.documents = self.broken = self.covered_to = 0
        self.faults: list[CheckpointFault] = []

    def tell(self, number: int | None, what: str, line: Line | None = None) -> None:
        """Counts a fault, and keeps it unless there are many."""
        self.broken += 1
        if len(self.faults) < FAULTS_SHOWN_MAX:
            about = {} if line is None else {"position": line.position, "subject_id": line.subject_id, "seq": line.seq}
            self.faults.append(CheckpointFault(number=number, what=what, **about))  # type: ignore[arg-type]

    async def compare(self, row: StoredCheckpoint | None, document: Document | None) -> None:
        """Compares one checkpoint: as it is on record, as it was kept, and the entries with what it says."""
        on_record = None if row is None else self._said_by(row)
        trusted = document is not None and self.whole(document)
        if document is not None:
            number = document.checkpoint.number
            if row is None:
                self.tell(number, "it is not in the database any more")
            elif row.hash.hex() != document.hash:
                self.tell(number, "the database has another one in its place")
            self.last_document = document
        said = document.checkpoint if document is not None and trusted else on_record
        if said is None:
            return
        lines = await checkpoints.lines(self._connection, said.from_position, said.to_position)
        if document is not None and trusted:
            await self._compare_lines(document, lines)
        else:
            self._compare_root(said, lines)
        self.covered_to = max(self.covered_to, said.to_position)

    def whole(self, document: Document) -> bool:
        """Whether a document is right in itself and follows on the one before it; tells what is not."""
        self.documents += 1
        found = list(faults_of(document, self.last_document))
        for what in found:
            self.tell(document.checkpoint.number, f"the document is not what was written: {what}")
        return not found

    def look_at_uncovered(self, lines: list[str], after: int, newest: int) -> None:
        """The positions that no checkpoint covers yet must at least be there, and lead to entries."""
        positions = {}
        for said in map(Line.parse, lines):
            positions[said.position] = said
            if not said.hash and self._months.has(said.subject_id):
                self.tell(None, "an entry that was given a position is gone", said)
        for position in range(after + 1, min(after + ENTRIES_MAX, newest) + 1):
            if position not in positions:
                self.tell(None, f"position {position} was taken away")
        if len(lines) > len(positions):
            self.tell(None, f"a position after {after} was given twice")

    def _said_by(self, row: StoredCheckpoint) -> Checkpoint | None:
        """What a row says, and whether its copies of it and its place agree; None when it says nothing."""
        self.stored += 1
        before, expected = self.last_row, 1 if self.last_row is None else self.last_row.number + 1
        try:
            said = msgspec.json.decode(row.canonical, type=Checkpoint)
            said.moment.astimezone(UTC)
        except (msgspec.DecodeError, ValueError, OverflowError):
            self.tell(row.number, "what the database has of it cannot be read")
            return None
        columns = (row.number, row.from_position, row.to_position, row.previous_hash.hex())
        if (said.number, said.from_position, said.to_position, said.previous_hash) != columns:
            self.tell(row.number, "its columns are not what its hashed bytes say")
        if hashlib.sha256(row.canonical).digest() != row.hash or said.canonical() != row.canonical:
            self.tell(row.number, "its hash is not that of its bytes")
        if said.number > expected:
            self.tell(row.number, f"checkpoint {expected} is not in the database any more")
        else:
            for what in wrong_link(said, before):
                self.tell(row.number, what)
        self.last_row = said
        return said

    async def _compare_lines(self, document: Document, lines: list[str]) -> None:
        if list(document.entries) == lines:
            return
        there: dict[str, list[str]] = {}
        for line in lines:
            there.setdefault(line.partition(" ")[0], []).append(line)
        for line in document.entries:
            found = there.pop(line.partition(" ")[0], [])
            if found != [line]:
                await self._tell_difference(document.checkpoint.number, Line.parse(line), found)
        for found in there.values():
            self.tell(document.checkpoint.number, "this position was not there when it was made", Line.parse(found[0]))

    async def _tell_difference(self, number: int, said: Line, found: list[str]) -> None:
        if not self._months.has(said.subject_id) and found in ([], [f"{said.position} {said.subject_id} {said.seq}"]):
            self._months.miss_entry(said.subject_id)
            return
        if len(self.faults) >= FAULTS_SHOWN_MAX:
            self.tell(number, "")  # only counted: no more lookups
            return
        now = await checkpoints.entry_now(self._connection, said.subject_id, said.seq)
        if now.hash != said.hash:
            self.tell(number, _fate(now.hash), said)
        elif not found:
            self.tell(number, f"this entry's position {said.position} was taken away", said)
        elif len(found) > 1:
            self.tell(number, f"this entry's position {said.position} was given twice", said)
        else:
            self.tell(number, f"this entry's position {said.position} was given to another one", said)

    def _compare_root(self, said: Checkpoint, lines: list[str]) -> None:
        """Without the document: what is gone can be named, what was changed only narrowed down to the checkpoint."""
        if signs(said, lines):
            return
        gone = [line for line in map(Line.parse, lines) if not line.hash]
        archived = [line for line in gone if not self._months.has(line.subject_id)]
        for line in archived:
            self._months.miss_entry(line.subject_id)
        if archived and len(archived) == len(gone):
            return  # a root over entries some of which are elsewhere cannot be had
        for line in gone:
            if self._months.has(line.subject_id):
                self.tell(said.number, _fate(None), line)
        if not gone:
            entries = f"the entries of positions {said.from_position + 1} to {said.to_position}"
            self.tell(said.number, f"{entries} are not those that it was made of")


def _fate(found: str | None) -> str:
    return "this entry is gone" if found is None else "this entry was changed"


async def _paired(
    rows: AsyncIterator[StoredCheckpoint], documents: Iterator[Document]
) -> AsyncIterator[tuple[StoredCheckpoint | None, Document | None]]:
    """Rows and documents side by side, by their numbers; either may lack what the other has."""
    row, document = await anext(rows, None), next(documents, None)
    while row is not None or document is not None:
        if document is None or (row is not None and row.number < document.checkpoint.number):
            yield row, None
            row = await anext(rows, None)
        elif row is None or document.checkpoint.number < row.number:
            yield None, document
            document = next(documents, None)
        else:
            yield row, document
            row, document = await anext(rows, None), next(documents, None)
