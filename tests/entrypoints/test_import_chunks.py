"""Chunks, state and errors of an import: the same file gives the same requests, whenever it is cut off."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.entrypoints.payment_files import write_csv, write_jsonl
from vendorpay.api.bulk_bodies import ITEMS_MAX as TAKEN_MAX
from vendorpay.api.operation import BODY_BYTES_MAX, BULK_BYTES_MAX
from vendorpay.client import Outcome, ProblemDetail
from vendorpay.entrypoints.cli.failures import CommandFailed, WrongUsage
from vendorpay.entrypoints.cli.payments_import import chunks as cutting
from vendorpay.entrypoints.cli.payments_import import csv_header, csv_payments, json_lines, progress, source
from vendorpay.entrypoints.cli.payments_import import state as keeping
from vendorpay.entrypoints.cli.payments_import.beginning import Wish, caller_of, state_of
from vendorpay.entrypoints.cli.payments_import.chunks import AnyChunk, Chunk, Lines, chunks
from vendorpay.entrypoints.cli.payments_import.ledger import Ledger
from vendorpay.entrypoints.cli.payments_import.records import PAYMENT_BYTES_MAX, Position, Record
from vendorpay.entrypoints.cli.payments_import.state import State


def test_the_limits_are_those_of_the_service() -> None:
    assert PAYMENT_BYTES_MAX == BODY_BYTES_MAX
    assert cutting.ITEMS_MAX == TAKEN_MAX
    assert cutting.BYTES_MAX + PAYMENT_BYTES_MAX < BULK_BYTES_MAX


def lines(content: bytes, start: Position | None = None) -> list[Record]:
    return list(json_lines.records(io.BytesIO(content), start or Position()))


@given(
    st.lists(st.integers(0, 40) | st.none(), max_size=60),
    st.integers(1, 8),
    st.sampled_from([b"\n", b"\r\n"]),
)
def test_chunks_are_whole_bounded_and_the_same_from_any_of_them_on(
    sizes: list[int | None], items_max: int, end: bytes
) -> None:
    """None is a line that is too long to be sent, 0 a blank one."""
    longest = 45
    content = b"".join((b"x" * (longest + 1) if size is None else b"a" * size) + end for size in sizes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "BYTES_MAX", 100)
        patch.setattr(json_lines, "PAYMENT_BYTES_MAX", longest)
        records = lines(content)
        found = list(chunks(iter(records), items_max))
        assert [record for chunk in found for record in chunk.records] == records
        for n, chunk in enumerate(found):
            assert 0 < len(chunk.records) <= items_max
            assert len(chunk.body) <= 100
            assert chunk.body == b"\n".join(record.body for record in chunk.records if record.body)
            assert list(chunks(iter(lines(content, chunk.after)), items_max)) == found[n + 1 :]
    kept = [number for number, size in enumerate(sizes, start=1) if size != 0]
    assert [record.first_line for record in records] == kept
    assert [record.body is None for record in records] == [size is None for size in sizes if size != 0]


ODD_LINES = st.sampled_from(
    [b"", b" ", b"{}", b"[1]", b" {}", b"{}\t", b"{\r}", b"x" * 12, b"x" * 11 + b"\r", b"\xef\xbb\xbf{}"]
)


@given(
    st.lists(ODD_LINES | st.just(b"{}"), max_size=40),
    st.integers(1, 9),
    st.sampled_from([b"\n", b"\r\n"]),
    st.booleans(),
)
def test_the_quick_way_cuts_a_file_as_the_thorough_one(
    content: list[bytes], items_max: int, end: bytes, ended: bool
) -> None:
    """Origin 71 in small: two readings of one file must not be two contracts."""
    raw = end.join(content) + (end if ended else b"")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "BYTES_MAX", 40)
        patch.setattr(json_lines, "PAYMENT_BYTES_MAX", 11)
        patch.setattr(json_lines, "LINES_AT_ONCE", 3)
        quick = list(json_lines.chunks(io.BytesIO(raw), Position(), items_max))
        thorough = list(chunks(iter(lines(raw)), items_max))
    assert [facts(chunk) for chunk in quick] == [facts(chunk) for chunk in thorough]


def facts(chunk: AnyChunk) -> tuple[Any, ...]:
    told = [(record.first_line, record.body, record.faults) for record in chunk.records]
    return chunk.first_line, chunk.after, chunk.count, chunk.body, told


def test_an_ordinary_file_goes_the_quick_way() -> None:
    for end in (b"\n", b"\r\n"):
        found = list(json_lines.chunks(io.BytesIO((b'{"a": 1}' + end) * 25), Position(), 10))
        assert [type(chunk) for chunk in found] == [Lines, Lines, Lines]
        assert [(chunk.first_line, chunk.count) for chunk in found] == [(1, 10), (11, 10), (21, 5)]


def test_a_chunk_of_json_lines_holds_the_bytes_of_the_file() -> None:
    content = b'\xef\xbb\xbf{"a": 1}\r\n\n  {"b":\t2} \nnot json\n{"c": 3}'
    (chunk,) = chunks(iter(lines(content)), 1000)
    assert chunk.body == b'{"a": 1}\n{"b":\t2}\nnot json\n{"c": 3}'
    assert [record.first_line for record in chunk.records] == [1, 3, 4, 5]


def test_rows_of_one_payment_that_are_not_together_are_not_paid_in_part() -> None:
    def a_record(name: str, line: int) -> Record:
        return Record(first_line=line, last_line=line, after=Position(line + 1), body=b"{}", name=name)

    names = ["p", "q", "", "p", "", "r"]
    (chunk,) = chunks((a_record(name, line) for line, name in enumerate(names, start=1)), 1000)
    assert [record.body is None for record in chunk.records] == [True, False, False, True, False, False]
    assert "not together" in chunk.records[0].faults[0].message


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_the_keys_of_a_file_are_always_the_same_and_no_others(kind: str, tmp_path: Path) -> None:
    write = {"csv": write_csv, "jsonl": write_jsonl}[kind]

    def keys(path: Path, chunk: int) -> list[str]:
        with source.opened(path) as opened:
            state = a_state(sha256=opened.sha256, chunk=chunk)
            found: Iterator[AnyChunk]
            if kind == "jsonl":
                found = json_lines.chunks(opened.file, Position(), chunk)
            else:
                columns, start = csv_header.read(opened.file)
                found = chunks(csv_payments.records(opened.file, columns, start), chunk)
            return [state.key_of(each.first_line) for each in found]

    first = keys(write(tmp_path / f"a.{kind}", 500), 100)
    assert keys(write(tmp_path / f"b.{kind}", 500), 100) == first
    assert len(set(first)) == 5
    others = keys(write(tmp_path / f"c.{kind}", 501), 100) + keys(tmp_path / f"a.{kind}", 99)
    assert set(first).isdisjoint(others)
    assert max(map(len, first)) < 255


# --- the state ---------------------------------------------------------------------------------------------


def a_state(**fields: Any) -> State:
    usual: dict[str, Any] = {"version": keeping.VERSION, "sha256": "0" * 64, "format": "jsonl", "url": "http://here"}
    return State(**{**usual, "caller": "a of default", "chunk": 2, "errors": "/nowhere", **fields})


def test_a_state_is_replaced_whole_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "a.import.json"
    assert keeping.load(path) is None
    state = a_state(line=7, offset=99, spoiled=True, errors_bytes=3)
    state.totals.created = 5
    for _ in range(2):
        keeping.save(state, path)
        assert keeping.load(path) == state
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_whoever_is_killed_while_saving_leaves_the_old_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.import.json"
    keeping.save(a_state(line=1), path)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    for step in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, step, killed)
            with pytest.raises(KeyboardInterrupt):
                keeping.save(a_state(line=2), path)
        assert keeping.load(path) == a_state(line=1)


def a_wish(folder: Path, **fields: Any) -> Wish:
    usual: dict[str, Any] = {
        "file": folder / "a",
        "format": "jsonl",
        "url": "http://here/",
        "token": "x",
        "chunk": None,
        "errors": None,
    }
    return Wish(**{**usual, "errors_usual": folder / "e", **fields})


def test_an_import_goes_on_only_as_it_began_and_every_difference_is_named(tmp_path: Path) -> None:
    path = tmp_path / "state"
    begun = state_of(a_wish(tmp_path, chunk=7), "one", path, restart=False)
    keeping.save(begun, path)
    assert state_of(a_wish(tmp_path), "one", path, restart=False) == begun
    token = "x." + "eyJzdWIiOiJib2IifQ" + ".x"
    assert caller_of(token) == "bob of default"
    other = a_wish(tmp_path, format="csv", url="http://there", token=token, chunk=8, errors=tmp_path / "f")
    with pytest.raises(WrongUsage) as refused:
        state_of(other, "two", path, restart=False)
    named = ("content", "--format", "--url", "--token", "--chunk 7", "--errors", "--restart")
    assert [word for word in named if word not in str(refused.value)] == []
    anew = state_of(other, "two", path, restart=True)
    assert (anew.line, anew.chunk, anew.sha256) == (1, 8, "two")


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"version": 99}'])
def test_what_is_no_state_is_not_taken_for_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state").write_bytes(content)
    with pytest.raises(WrongUsage, match="--restart"):
        state_of(a_wish(tmp_path), "one", tmp_path / "state", restart=False)
    keeping.save(a_state(version=99), tmp_path / "state")
    with pytest.raises(WrongUsage, match="version 99"):
        state_of(a_wish(tmp_path), "one", tmp_path / "state", restart=False)


def test_errors_of_somebody_else_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "e").write_text("mine")
    with pytest.raises(WrongUsage, match="exists already"):
        state_of(a_wish(tmp_path), "one", tmp_path / "state", restart=False)


# --- what became of each -----------------------------------------------------------------------------------


def a_chunk(*kinds: str) -> Chunk:
    """A record a line, from line 1 on; those called `wrong` are not sent."""
    return Chunk(
        [
            Record(first_line=n, last_line=n, after=Position(n + 1, n), body=None if kind == "wrong" else b"{}")
            for n, kind in enumerate(kinds, start=1)
        ]
    )


def results(*kinds: str) -> list[Outcome]:
    found = {
        "created": (201, False, ""),
        "replayed": (201, True, ""),
        "duplicate": (409, False, "duplicate_payment"),
        "refused": (400, False, "invalid_request"),
    }
    sent = [found[kind] for kind in kinds if kind != "wrong"]
    return [
        Outcome(index=n, status=status, replayed=replayed, problem=ProblemDetail(code=code) if code else None)
        for n, (status, replayed, code) in enumerate(sent)
    ]


def a_ledger(folder: Path, state: State) -> Ledger:
    unchanged = cast(source.Source, SimpleNamespace(must_be_as_it_was=lambda: None))
    return Ledger(state, folder / "state", unchanged)


KINDS = ("created", "wrong", "replayed", "duplicate", "refused", "created")


def errors_in(folder: Path) -> Sequence[int]:
    return [json.loads(line)["line"] for line in (folder / "errors").read_bytes().splitlines()]


def test_everything_is_counted_once_and_a_replayed_creation_is_one(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path, a_state(errors=str(tmp_path / "errors")))
    ledger.open()
    ledger.settle(a_chunk(*KINDS), results(*KINDS))
    totals = ledger.state.totals
    assert (totals.created, totals.replayed, totals.duplicate, totals.rejected) == (3, 1, 1, 2)
    assert errors_in(tmp_path) == [2, 5]
    assert keeping.load(tmp_path / "state") == ledger.state
    assert ledger.state.position == Position(7, 6)


def test_killed_between_the_errors_and_the_state_no_line_comes_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = a_ledger(tmp_path, a_state(errors=str(tmp_path / "errors")))
    ledger.open()
    ledger.settle(a_chunk(*KINDS), results(*KINDS))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _killed_at_the(2))
        with pytest.raises(KeyboardInterrupt):
            ledger.settle(a_chunk(*KINDS), results(*KINDS))
    assert errors_in(tmp_path) == [2, 5, 2, 5]
    known = keeping.load(tmp_path / "state")
    assert known is not None
    again = a_ledger(tmp_path, known)
    again.open()
    assert errors_in(tmp_path) == [2, 5]
    again.settle(a_chunk(*KINDS), results(*KINDS))
    assert errors_in(tmp_path) == [2, 5, 2, 5]
    assert again.state.totals.rejected == 4


def _killed_at_the(time: int) -> Any:
    seen: list[int] = []

    def fsync(number: int) -> None:
        seen.append(number)
        if len(seen) == time:
            raise KeyboardInterrupt

    return fsync


def test_a_terminal_gets_a_bar_with_what_was_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    state = a_state(line=8, offset=5)
    state.totals.created = 7
    with progress.shown(state, 10) as show:
        show()
    assert "7 lines, 7 created, 0 duplicate, 0 rejected" in capsys.readouterr().err


# --- the file ----------------------------------------------------------------------------------------------


def test_a_file_that_is_written_to_meanwhile_is_found_out(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", 10)
    with source.opened(path) as opened:
        opened.must_be_as_it_was()
        with path.open("a") as file:
            file.write("{}\n")
        with pytest.raises(CommandFailed, match="was changed"):
            opened.must_be_as_it_was()


def test_two_imports_of_one_file_do_not_run_at_once(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", 10)
    with source.opened(path), pytest.raises(CommandFailed, match="by another"), source.opened(path):
        pass
    with source.opened(path):
        pass
