"""kill -9 of `payments import`, and of `serve` under it, at random moments: the totals are exact all the same."""

import json
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.entrypoints.payment_files import Expected, expected, write_csv, write_jsonl
from tests.faults.dying import SOAK, rounds, seed_of
from tests.scenarios.books import assert_whole, rows
from tests.scenarios.serving import VENDORPAY, Serve, clean_environment, vendorpay
from vendorpay.entrypoints.cli.payments_import.state import State, load

ADVANCE_S_MAX = 60.0
WRITE = {"csv": write_csv, "jsonl": write_jsonl}


class Import:
    """One import of a file, given as a command again and again."""

    def __init__(self, serve: Serve, file: Path, chunk: int) -> None:
        self.state_file = file.with_name(f"{file.name}.import.json")
        self.errors_file = file.with_name(f"{file.name}.errors.jsonl")
        options = ("--url", serve.url, "--token", serve.token("service", sub="importer"), "--chunk", str(chunk))
        self.arguments = ("payments", "import", str(file), *options, "--json")

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*VENDORPAY, *self.arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=clean_environment(),
        )

    def state(self) -> State | None:
        return load(self.state_file)

    def line(self) -> int:
        """How far it has come."""
        state = self.state()
        return state.line if state else 0

    def wait_beyond(self, line: int, process: subprocess.Popen[bytes]) -> None:
        """Returns when it has come further; fails when it ended before."""
        deadline = time.monotonic() + ADVANCE_S_MAX
        while self.line() <= line:
            assert process.poll() is None, "it ended too early"
            assert time.monotonic() < deadline, "it does not get on"
            time.sleep(0.005)


@pytest.mark.parametrize("kind", WRITE if SOAK else ["csv"])
@pytest.mark.timeout(1800)
def test_killed_and_given_again_it_ends_with_the_exact_totals(
    kind: str, tmp_path: Path, new_data_dir: Callable[[Path], Path]
) -> None:
    rng = seed_of(f"import of {kind}")
    payments, kills = rounds(900, 50_000), rounds(3, 20)
    file = WRITE[kind](tmp_path / f"payments.{kind}", payments)
    new_data_dir(tmp_path / "home" / "data")
    with Serve(tmp_path / "home") as serve:
        serve.start()
        importing = Import(serve, file, chunk=payments // 90)
        killing_serve = rng.randrange(kills)
        for number in range(kills):
            _kill_at_a_random_moment(importing, rng, serve if number == killing_serve else None)
        summary = vendorpay(*importing.arguments, timeout=900)
        assert summary.returncode == 1, summary.stderr
        _check(json.loads(summary.stdout.splitlines()[-1]), expected(payments), importing, serve)


def _kill_at_a_random_moment(importing: Import, rng: random.Random, serve: Serve | None) -> None:
    """Of the command; with a `serve`, of that before, which the command outlives."""
    process = importing.start()
    try:
        importing.wait_beyond(importing.line(), process)
        time.sleep(rng.uniform(0, 0.05))
        if serve is not None:
            before = importing.line()
            rng.choice((serve.kill, serve.kill_everything))()
            serve.start()
            importing.wait_beyond(before, process)
        assert process.poll() is None, "the kill came too late"
    finally:
        process.kill()
        process.wait()
    state = importing.state()
    assert state is not None
    assert not state.finished


def _check(summary: dict[str, int], wanted: Expected, importing: Import, serve: Serve) -> None:
    assert {name: summary[name] for name in wanted.totals} == wanted.totals
    assert summary["resumedFromLine"] > 1
    stored = "SELECT count(*) AS n, coalesce(sum(amount_cents), 0)::bigint AS cents FROM payments"
    assert rows(serve.books_url(), stored) == [{"n": wanted.created, "cents": wanted.cents}]
    lines = [json.loads(line)["line"] for line in importing.errors_file.read_bytes().splitlines()]
    assert lines == sorted(set(lines)), "no line twice"
    assert len(lines) == wanted.rejected
    assert_whole(serve.books_url())
