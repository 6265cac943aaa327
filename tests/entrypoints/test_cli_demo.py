"""`vendorpay demo`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.entrypoints.command_line import run_apart
from tests.faults.dying import SOAK

EXAMPLES = Path(__file__).parents[2] / "examples"
DEMO_S_MAX = 110.0
"""It takes ten seconds, and several times that on a machine that is busy with others: that is no fault of it."""


def test_the_demo_walks_through_the_life_of_payments_and_ends_with_0() -> None:
    shown = run_apart("demo", timeout_s=DEMO_S_MAX)
    assert shown.code == 0, shown.err
    for word in ("accepted 545, duplicate 32, rejected 23", "approved", "payment_approved", "broken 0"):
        assert word in shown.out


@pytest.mark.skipif(not SOAK, reason="a second demo takes ten seconds")
def test_a_demo_that_comes_out_otherwise_ends_with_1(tmp_path: Path) -> None:
    events = (EXAMPLES / "work_completed.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "work_completed.jsonl").write_bytes(b"".join(events[:-1]))
    (tmp_path / "work_completed.expected.json").write_bytes((EXAMPLES / "work_completed.expected.json").read_bytes())
    shown = run_apart("demo", "--examples", tmp_path)
    assert shown.code == 1
    assert "The demo went wrong" in shown.err


def test_a_demo_without_its_examples_says_where_it_looked(tmp_path: Path) -> None:
    shown = run_apart("demo", "--examples", tmp_path)
    assert shown.code == 1
    assert "Name their folder with --examples" in shown.err
