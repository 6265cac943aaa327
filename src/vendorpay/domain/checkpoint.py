"""A checkpoint says what the audit log was at one moment, for somebody who keeps it outside of the database.

It covers the entries of positions (from, to], in their order. What it says of each is one line of text,

    <position> <subject id> <seq> <hash in hexadecimal>

and as the hash of an entry covers its bytes and all entries before it in its chain, that line holds them all. The
Merkle root over these lines, another one over the newest line of each chain (without its position, in the order of
subject ids), and the hash of the checkpoint before go into its canonical bytes; its own hash is SHA-256 of these.

A document is what is kept elsewhere: one line of JSON with the canonical object, its hash and all lines, so that an
entry that was changed or removed can be named from the document alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, Self
from uuid import UUID

import msgspec

from vendorpay.domain.merkle import tree_hash

FORMAT: Final = 1
ENTRIES_MAX: Final = 10_000
"""So many entries does one checkpoint cover at most; the schema says so too. A document has about 1.2 MB then."""
DOCUMENT_BYTES_MAX: Final = 4 * 1024 * 1024
NOTHING_BEFORE: Final = bytes(32)
"""What the first checkpoint names as the hash before it."""


class NotACheckpoint(Exception):
    """The text is no document of a checkpoint; the message says why."""


class NotShipped(Exception):
    """A checkpoint did not get to where it should be kept; the message says why and what to do."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What a destination holds: which numbers, and the hash of the newest, in hexadecimal."""

    numbers: frozenset[int] = frozenset()
    newest_hash: str = ""


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What a checkpoint says. `chains` is how many chains it touched; hashes are in hexadecimal."""

    format: int
    number: int
    from_position: int
    to_position: int
    entries: int
    entries_root: str
    chains: int
    heads_root: str
    previous_hash: str
    made_at: str

    @classmethod
    def over(cls, lines: Sequence[str], before: Checkpoint | None, *, now: datetime) -> Self:
        """The checkpoint that follows `before` and covers these lines, which are not empty."""
        start = 0 if before is None else before.to_position
        heads = heads_of(lines)
        return cls(
            format=FORMAT,
            number=1 if before is None else before.number + 1,
            from_position=start,
            to_position=start + len(lines),
            entries=len(lines),
            entries_root=root_of(lines),
            chains=len(heads),
            heads_root=root_of(heads),
            previous_hash=(NOTHING_BEFORE if before is None else before.hash()).hex(),
            made_at=now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        )

    def canonical(self) -> bytes:
        """The bytes that are hashed: JSON in UTF-8 without spaces, keys sorted."""
        return msgspec.json.encode(self, order="sorted")

    def hash(self) -> bytes:
        """Its own hash, which the next checkpoint names."""
        return hashlib.sha256(self.canonical()).digest()

    @property
    def moment(self) -> datetime:
        """When it was made. Raises ValueError when that is no time."""
        return datetime.fromisoformat(self.made_at)


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A checkpoint with its lines, as it is kept outside."""

    checkpoint: Checkpoint
    hash: str
    entries: tuple[str, ...]

    def text(self) -> bytes:
        """One line of JSON, with the end of the line; the same bytes at each call."""
        return msgspec.json.encode(self, order="sorted") + b"\n"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What a line says. `hash` is empty where the database has a position, but no entry."""

    position: int
    subject_id: UUID
    seq: int
    hash: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads a line; raises NotACheckpoint."""
        try:
            position, subject_id, seq, *hashes = text.split(" ")
            (found,) = hashes or ("",)
            return cls(position=int(position), subject_id=UUID(subject_id), seq=int(seq), hash=found)
        except ValueError as error:
            raise NotACheckpoint(f"{text[:120]!r} is no line of a checkpoint") from error


def heads_of(lines: Sequence[str]) -> list[str]:
    """`<subject id> <seq> <hash>` of the newest entry of each chain, in the order of subject ids."""
    newest: dict[str, str] = {}
    for line in lines:
        facts = line.partition(" ")[2]
        newest[facts.partition(" ")[0]] = facts  # the entries of a chain have their positions in the chain's order
    return [newest[subject] for subject in sorted(newest)]


def root_of(lines: Sequence[str]) -> str:
    """The Merkle root over lines, in hexadecimal."""
    return tree_hash(line.encode() for line in lines).hex()


def signs(said: Checkpoint, lines: Sequence[str]) -> bool:
    """Whether these are the lines that a checkpoint was made of."""
    heads = heads_of(lines)
    roots = (root_of(lines), len(heads), root_of(heads))
    return roots == (said.entries_root, said.chains, said.heads_root)


def unfit(lines: Sequence[str], after: int) -> str | None:
    """Why no checkpoint can be made over these lines, the first ones after a position; None when one can."""
    for position, line in enumerate(lines, start=after + 1):
        found = Line.parse(line)
        if found.position != position:
            return f"position {position} was taken away"
        if not found.hash:
            return f"entry {found.seq} of {found.subject_id}, at position {position}, is gone"
    return None


def document_of(text: bytes) -> Document:
    """Reads a document; raises NotACheckpoint. Whether it is true, `faults_of` tells."""
    try:
        found = msgspec.json.decode(text, type=Document)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotACheckpoint(f"it is not JSON as checkpoints are: {error}") from error
    if found.checkpoint.format != FORMAT:
        raise NotACheckpoint(f"it has format {found.checkpoint.format}, and this version reads format {FORMAT}")
    if found.text().strip() != text.strip():
        raise NotACheckpoint("its bytes are not written as checkpoints are")
    try:
        found.checkpoint.moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise NotACheckpoint("madeAt is no time") from error
    return found


def faults_of(document: Document, before: Document | None) -> Iterator[str]:
    """What is wrong with a document in itself, and as the one that follows `before` (None: the first that is known)."""
    said, lines = document.checkpoint, document.entries
    if said.hash().hex() != document.hash:
        yield "its hash is not that of its bytes"
    if not said.entries == len(lines) == said.to_position - said.from_position:
        yield f"it says that it covers {said.to_position - said.from_position} entries, and has {len(lines)}"
    if root_of(lines) != said.entries_root:
        yield "its entries are not those that its Merkle root signs"
    heads = heads_of(lines)
    if (len(heads), root_of(heads)) != (said.chains, said.heads_root):
        yield "its heads of chains are not those that it signs"
    numbers = range(said.from_position + 1, said.to_position + 1)
    if any(not line.startswith(f"{position} ") for position, line in zip(numbers, lines, strict=False)):
        yield "its entries do not have the positions that it covers"
    yield from wrong_link(said, None if before is None else before.checkpoint)


def wrong_link(said: Checkpoint, before: Checkpoint | None) -> Iterator[str]:
    """What is wrong with `said` as the checkpoint after `before` (None: nothing is known of one)."""
    if before is None:
        if said.number == 1 and (said.from_position, said.previous_hash) != (0, NOTHING_BEFORE.hex()):
            yield "it is the first one, and names one before it"
    elif said.number != before.number + 1:
        yield f"the one before it is missing: it follows on number {before.number}"
    elif (said.from_position, said.previous_hash) != (before.to_position, before.hash().hex()):
        yield "it does not go on where the one before it ended"
