"""Checkpoints: what they sign never changes from release to release, and whatever is wrong with one is said."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from vendorpay.domain.checkpoint import (
    Checkpoint,
    Document,
    Line,
    NotACheckpoint,
    document_of,
    faults_of,
    heads_of,
    unfit,
)

AT = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)
A, B = "01939b5e-7c00-7000-8000-00000000000a", "01939b5e-7c00-7000-8000-00000000000b"


def lines(after: int, *facts: tuple[str, int]) -> list[str]:
    return [f"{position} {one} {seq} {seq:064x}" for position, (one, seq) in enumerate(facts, start=after + 1)]


def document(facts: list[str], before: Document | None = None) -> Document:
    made = Checkpoint.over(facts, None if before is None else before.checkpoint, now=AT)
    return Document(checkpoint=made, hash=made.hash().hex(), entries=tuple(facts))


FIRST = document(lines(0, (A, 1), (B, 1), (A, 2)))
SECOND = document(lines(3, (B, 2)), FIRST)


def test_the_bytes_that_are_hashed_stay_what_they_are() -> None:
    assert FIRST.checkpoint.canonical() == (
        b'{"chains":2,"entries":3,"entriesRoot":"%s","format":1,"fromPosition":0,"headsRoot":"%s",'
        b'"madeAt":"2026-03-04T05:06:07.000089Z","number":1,"previousHash":"%s","toPosition":3}'
        % (FIRST.checkpoint.entries_root.encode(), FIRST.checkpoint.heads_root.encode(), b"0" * 64)
    )
    assert FIRST.hash == "0257442c4adf38eea52965d2dbcd522a129d1283683af6ac966f4b3793e823f4"


def test_a_checkpoint_goes_on_where_the_one_before_ended() -> None:
    said = SECOND.checkpoint
    assert (said.number, said.from_position, said.to_position) == (2, 3, 4)
    assert said.previous_hash == FIRST.hash
    assert list(faults_of(FIRST, None)) == list(faults_of(SECOND, FIRST)) == list(faults_of(SECOND, None)) == []


def test_the_heads_are_the_newest_lines_of_each_chain_without_positions() -> None:
    assert heads_of(FIRST.entries) == [f"{A} 2 {2:064x}", f"{B} 1 {1:064x}"]


def test_a_document_is_one_line_and_comes_back_as_it_was() -> None:
    text = SECOND.text()
    assert (text.count(b"\n"), text[-1:]) == (1, b"\n")
    assert document_of(text) == SECOND
    assert document_of(text).text() == text


def changed(part: str, **changes: object) -> Callable[[], Document]:
    """SECOND with something else in it; `hash` is made to fit when the checkpoint is changed cleverly."""

    def make() -> Document:
        said = SECOND.checkpoint
        if part == "document":
            return msgspec.structs.replace(SECOND, **changes)
        said = msgspec.structs.replace(said, **changes)
        return Document(checkpoint=said, hash=said.hash().hex(), entries=SECOND.entries)

    return make


FAULTY = {
    "another hash": (changed("document", hash="0" * 64), "its hash is not that of its bytes"),
    "no entries": (changed("document", entries=()), "it says that it covers 1 entries, and has 0"),
    "another entry": (changed("document", entries=tuple(lines(3, (B, 3)))), "not those that its Merkle root signs"),
    "another position": (changed("document", entries=tuple(lines(4, (B, 2)))), "do not have the positions"),
    "another count": (changed("checkpoint", entries=2), "it says that it covers 1 entries, and has 1"),
    "another root": (changed("checkpoint", entries_root="0" * 64), "not those that its Merkle root signs"),
    "other heads": (changed("checkpoint", heads_root="0" * 64), "its heads of chains"),
    "more chains": (changed("checkpoint", chains=2), "its heads of chains"),
    "another one before": (changed("checkpoint", previous_hash="1" * 64), "does not go on where"),
    "a later number": (changed("checkpoint", number=3), "the one before it is missing: it follows on number 1"),
    "an earlier range": (changed("checkpoint", from_position=2, to_position=3), "does not go on where"),
}


@pytest.mark.parametrize("name", FAULTY)
def test_what_is_wrong_with_a_document_is_said(name: str) -> None:
    make, expected = FAULTY[name]
    found = list(faults_of(make(), FIRST))
    assert any(expected in what for what in found), found


def test_the_first_one_names_none_before_it() -> None:
    said = msgspec.structs.replace(FIRST.checkpoint, previous_hash="1" * 64)
    forged = Document(checkpoint=said, hash=said.hash().hex(), entries=FIRST.entries)
    assert list(faults_of(forged, None)) == ["it is the first one, and names one before it"]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[1]",
        b"\xff\xfe",
        SECOND.text()[:-20],
        SECOND.text().replace(b'"format":1', b'"format":2'),
        SECOND.text().replace(b'"format":1', b'"format": 1'),
        SECOND.text().replace(b'"format":1', b'"format":1,"format":1'),
        SECOND.text().replace(b'"format":1', b'"format":1,"more":1'),
        SECOND.text().replace(b"2026-03-04T", b"sometime "),
        SECOND.text().replace(b'"number":2', b'"number":"2"'),
    ],
)
def test_what_is_no_checkpoint_is_refused(text: bytes) -> None:
    with pytest.raises(NotACheckpoint):
        document_of(text)


def test_a_line_is_read_back() -> None:
    said = Line.parse(FIRST.entries[2])
    assert (said.position, said.subject_id, said.seq, said.hash) == (3, UUID(A), 2, f"{2:064x}")
    assert Line.parse(f"3 {A} 2").hash == ""
    for text in ("", "3", f"x {A} 2 00", f"3 {A} 2 00 00", "3 nobody 2 00"):
        with pytest.raises(NotACheckpoint):
            Line.parse(text)


def test_no_checkpoint_is_made_over_what_is_not_there() -> None:
    assert unfit(FIRST.entries, 0) is None
    assert unfit(FIRST.entries, 1) == "position 2 was taken away"
    assert unfit([FIRST.entries[0], FIRST.entries[2]], 0) == "position 2 was taken away"
    assert unfit([f"1 {A} 7"], 0) == f"entry 7 of {A}, at position 1, is gone"
