"""`vendorpay payments import` against a running service: totals, resuming, and what it refuses to begin."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.entrypoints.command_line import CommandLine, Result
from tests.entrypoints.payment_files import expected, kind_of, payment, write_csv, write_jsonl
from tests.scenarios.serving import Serve, quick_home, serving
from vendorpay.client import Outcome, Patience, ProblemDetail
from vendorpay.client.answers import read
from vendorpay.entrypoints.cli.payments_import import progress, sending
from vendorpay.entrypoints.cli.payments_import.ledger import Ledger
from vendorpay.entrypoints.cli.payments_import.state import Totals, load, save

NOBODY = "http://127.0.0.1:1"
WRITE = {"csv": write_csv, "jsonl": write_jsonl}
runs = iter(range(1, 1_000))


@pytest.fixture(scope="module")
def serve(new_data_dir: Callable[[Path], Path]) -> Iterator[Serve]:
    with quick_home() as home:
        new_data_dir(home / "data")
        with serving(home, "--workers", "1") as running:
            yield running


@pytest.fixture(scope="module")
def token(serve: Serve) -> str:
    return serve.token("service")


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return CommandLine(capfd, monkeypatch)


class Importer:
    """Imports files into the running service, as one program."""

    def __init__(self, run: CommandLine, url: str, token: str) -> None:
        self._run, self._client = run, ("--url", url, "--token", token)

    def __call__(self, path: Path, *options: object) -> Result:
        return self._run("payments", "import", path, *self._client, *options)

    def counted(self, path: Path, *options: object) -> dict[str, Any]:
        """The last line of stdout."""
        summary: dict[str, Any] = json.loads(self(path, "--json", *options).out.splitlines()[-1])
        return summary


@pytest.fixture
def imported(run: CommandLine, serve: Serve, token: str) -> Importer:
    return Importer(run, serve.url, token)


def totals(summary: dict[str, Any]) -> dict[str, Any]:
    return {name: summary[name] for name in ("created", "duplicate", "rejected")}


def rejected_lines(path: Path) -> list[int]:
    content = path.with_name(f"{path.name}.errors.jsonl").read_bytes()
    return [json.loads(line)["line"] for line in content.splitlines()]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_file_is_imported_and_each_rejected_payment_named_with_its_line(
    kind: str, imported: Importer, tmp_path: Path
) -> None:
    """Peers: create in bulk, import of files."""
    path = WRITE[kind](tmp_path / f"a.{kind}", 400, run=next(runs))
    result = imported(path, "--json", "--chunk", 50)
    summary = json.loads(result.out.splitlines()[-1])
    assert (result.code, totals(summary)) == (1, expected(400).totals)
    assert (summary["replayed"], summary["resumedFromLine"]) == (0, 1)
    assert summary["lines"] == len(path.read_bytes().splitlines())
    errors = [json.loads(line) for line in Path(summary["errorsFile"]).read_bytes().splitlines()]
    wrong = [number for number in range(1, 401) if kind_of(number) == "rejected"]
    assert len(errors) == len(wrong)
    assert {error["errors"][0]["field"] for error in errors} == {"amountCents"}
    if kind == "jsonl":
        assert [error["line"] for error in errors] == wrong
    else:
        assert [error["payment"] for error in errors] == [str(number) for number in wrong]


def test_a_file_without_faults_ends_with_0_and_duplicates_are_none(imported: Importer, tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", 50, run=next(runs))
    result = imported(path)
    assert (result.code, result.out) == (0, "created 49, duplicate 1, rejected 0; 50 lines\n")
    assert result.err == "", "a bar is for terminals"
    assert not path.with_name("a.jsonl.errors.jsonl").exists()
    path.with_name("a.jsonl").rename(tmp_path / "b.jsonl")
    moved = imported.counted(tmp_path / "b.jsonl")
    assert (totals(moved), moved["replayed"]) == ({"created": 49, "duplicate": 1, "rejected": 0}, 49)


def test_a_finished_import_is_not_sent_again_until_it_is_asked_for(imported: Importer, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", 120, run=next(runs))
    first = imported.counted(path, "--chunk", 20)
    again = imported(path, "--json")
    assert (again.code, totals(json.loads(again.out))) == (1, totals(first))
    assert "finished before" in again.err
    anew = imported.counted(path, "--chunk", 20, "--restart")
    assert (totals(anew), anew["replayed"]) == (totals(first), first["created"]), "the keys are the same"
    other_chunks = imported.counted(path, "--chunk", 21, "--restart")
    assert totals(other_chunks) == {"created": 0, "duplicate": 119, "rejected": 1}
    assert len(rejected_lines(path)) == 1


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_cut_off_after_any_chunk_it_ends_with_the_same(
    kind: str, imported: Importer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off where it hurts most: the service has done the chunk, and the state does not know."""
    path = WRITE[kind](tmp_path / f"a.{kind}", 200, run=next(runs))
    state = path.with_name(f"{path.name}.import.json")
    settle = Ledger.settle
    resumed: list[int] = []
    for _ in range(3):
        chunks_left = iter([True, True])

        def cut(books: Ledger, chunk: Any, results: Any, left: Iterator[bool] = chunks_left) -> None:
            if not next(left, False):
                raise OSError("cut off")
            settle(books, chunk, results)

        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "settle", cut)
            assert imported(path, "--chunk", 20).code == 1
        known = load(state)
        assert known is not None
        assert not known.finished
        resumed.append(known.line)
    assert resumed == sorted(set(resumed)), "each time it came further"
    summary = imported.counted(path)
    assert totals(summary) == expected(200).totals
    assert summary["resumedFromLine"] == resumed[-1]
    assert summary["replayed"] >= 3
    lines = rejected_lines(path)
    assert len(lines) == len(set(lines)) == expected(200).rejected


def test_without_its_state_the_same_file_leads_to_the_same_totals(imported: Importer, tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", 120, run=next(runs))
    first = imported.counted(path)
    for name in ("a.jsonl.import.json", "a.jsonl.errors.jsonl"):
        (tmp_path / name).unlink()
    assert totals(imported.counted(path)) == totals(first)


def test_another_content_under_the_same_name_is_not_taken_for_the_rest(imported: Importer, tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", 10, run=next(runs))
    imported(path)
    with path.open("a") as file:
        file.write(json.dumps(payment(11, next(runs))) + "\n")
    refused = imported(path)
    assert (refused.code, "content is another" in refused.err, "--restart" in refused.err) == (2, True, True)
    assert (str(path) in refused.err, "FILE" in refused.err) == (True, False)
    assert totals(imported.counted(path, "--restart")) == {"created": 1, "duplicate": 10, "rejected": 0}


def test_odd_lines_are_rejected_by_their_numbers_and_their_neighbours_are_not(
    imported: Importer, tmp_path: Path
) -> None:
    run = next(runs)
    good = [json.dumps(payment(number, run)).encode() for number in range(1, 4)]
    odd = [b"{", b"[]", b"\xff", b"", b'{"a": 1, "a": 2}', b"x" * 300_000]
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\r\n".join([good[0], *odd, good[1], good[2]]))
    assert totals(imported.counted(path)) == {"created": 3, "duplicate": 0, "rejected": 5}
    assert rejected_lines(path) == [2, 3, 4, 6, 7]


def test_wrong_usage_names_every_fault(run: CommandLine, tmp_path: Path) -> None:
    refused = run("payments", "import", tmp_path / "a.txt", "--chunk", "0", "--url", "x", "--state", tmp_path / "a.txt")
    assert refused.code == 2
    named = ("cannot be read", "--format", "--chunk", "--url", "--token", "three files")
    assert [name for name in (*named, str(tmp_path / "a.txt")) if name not in refused.err] == []
    assert "FILE" not in refused.err
    stdin = run("payments", "import", "-", "--format", "jsonl", "--token", "t")
    assert (stdin.code, "stdin" in stdin.err) == (2, True)
    os.mkfifo(tmp_path / "pipe.csv")
    for odd in (tmp_path, tmp_path / "pipe.csv"):
        assert "no regular file" in run("payments", "import", odd, "--format", "csv", "--token", "t").err
    assert run("payments", "import", tmp_path / "a.csv", "--format", "xml", "--token", "t").code == 2


def test_a_wrong_header_is_wrong_usage_and_leaves_nothing_behind(run: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("incident,vendorId\n1,2\n")
    refused = run("payments", "import", tmp_path / "a.csv", "--url", NOBODY, "--token", "t")
    assert refused.code == 2
    named = (f"{tmp_path / 'a.csv'} has no column", "'incident'", "'incidentId'", "'quantity'", "unitPriceCents")
    assert [name for name in named if name not in refused.err] == []
    assert [each.name for each in tmp_path.iterdir()] == ["a.csv"]


def test_a_service_that_is_away_or_refuses_leaves_a_state_to_go_on_from(
    run: CommandLine, serve: Serve, imported: Importer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", 10, run=next(runs))
    state = tmp_path / "a.jsonl.import.json"
    monkeypatch.setattr(sending, "PATIENCE", Patience(attempts_max=4, pause_s_max=0.001))
    away = run("payments", "import", path, "--url", NOBODY, "--token", "t", "--json")
    assert (away.code, totals(json.loads(away.out))) == (1, {"created": 0, "duplicate": 0, "rejected": 0})
    assert "did not answer POST /payments/bulk" in away.err
    state.unlink()
    driver = run("payments", "import", path, "--url", serve.url, "--token", serve.token("driver"))
    assert (driver.code, "403 forbidden" in driver.err) == (1, True)
    state.unlink()
    assert imported(path).code == 0


def test_a_payment_that_is_not_settled_yet_is_asked_for_again(
    imported: Importer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 for one of many: the chunk is sent again under its key, and what was done is answered again."""
    path = write_jsonl(tmp_path / "a.jsonl", 10, run=next(runs))
    answers = iter([503, 409])
    codes = {503: "overloaded", 409: "idempotency_in_flight"}

    def one_is_late(raw: bytes, shape: Any) -> Any:
        found = read(raw, shape)
        if status := next(answers, None):
            problem = ProblemDetail(status=status, code=codes[status])
            found.results[3] = Outcome(index=3, status=status, problem=problem)
        return found

    monkeypatch.setattr("vendorpay.client.bulk.read", one_is_late)
    monkeypatch.setattr(sending, "PATIENCE", Patience(pause_s_first=0.001))
    summary = imported.counted(path)
    assert (summary["created"], summary["replayed"]) == (10, 10)


def test_where_nobody_watches_a_terminal_a_line_comes_now_and_then(
    imported: Importer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while the service lets it wait: minutes without a word look like an import that hangs."""

    def lets_wait(*asked: Any) -> Any:
        time.sleep(0.3)
        return sent(*asked)

    sent = sending._sent
    monkeypatch.setattr(sending, "IN_FLIGHT_MAX", 1)
    monkeypatch.setattr(sending, "_sent", lets_wait)
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.05)
    shown = imported(write_jsonl(tmp_path / "a.jsonl", 30, run=next(runs)), "--chunk", 10).err.splitlines()
    assert len(shown) >= 4
    assert shown[0].startswith("0 lines (0 %), 0 created, 0 duplicate, 0 rejected, ")
    assert any(line.startswith("20 lines (") for line in shown)


def test_a_state_with_a_taken_away_file_of_errors_goes_on(imported: Importer, tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", 100, run=next(runs))
    imported(path)
    state = load(tmp_path / "a.jsonl.import.json")
    assert state is not None
    state.finished, state.line, state.offset, state.totals = False, 1, 0, Totals()
    save(state, tmp_path / "a.jsonl.import.json")
    (tmp_path / "a.jsonl.errors.jsonl").unlink()
    imported(path)
    assert rejected_lines(path) == [97]
