"""The figures say what was measured, against what, and what was not."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from bench import __main__ as command_line
from bench import report
from bench.cells import all_cells
from bench.goals import GOALS, limit_of, medians
from bench.imports import Imported
from bench.measuring import Measured
from bench.one_score import OneScore
from bench.pages import slowdown
from bench.plan import FULL
from bench.run import Found
from bench.scoring import Scoring


def a_cell(per_s: float, *, p99_ms: float = 10.0, database_us: float = 100.0) -> Measured:
    return Measured(
        per_s=per_s,
        p50_ms=1.0,
        p99_ms=p99_ms,
        service_us=200.0,
        database_us=database_us,
        client_us=50.0,
        rss_mb=100.0,
        count=1000,
    )


def everything(**cells: Measured) -> Found:
    """A run in which each goal is reached, unless these cells say otherwise."""
    found: dict[str, Measured] = {cell.name: a_cell(3000 if cell.workers else 1000) for cell in all_cells()}
    return Found(
        cells={**found, **cells},
        pages={(kind, size): a_cell(1000) for kind in ("pending", "vendor") for size in (10, 1000)},
        imported=Imported(per_s=95, copy_per_s=100, sizes=(10, 50), rss_mb=(40, 41)),
        scoring=Scoring(off_per_s=1000, on_per_s=950, drained_per_s=300),
        one_score=OneScore(p50_ms=6, p99_ms=20, recorded_p50_ms=12, recorded_p99_ms=30, cpu_ms=8),
        slow_cells={"create_c64": a_cell(3000), "pgbench_create_c64": a_cell(1000)},
        ready_s=1.5,
        import_ms=300,
    )


def verdicts(found: Found) -> dict[str, str]:
    """Of each goal's row the last two columns."""
    rows = [line.strip("| ").split(" | ") for line in report.goals(found).splitlines()[2:]]
    return {parts[0]: " ".join(part.strip() for part in parts[2:]) for parts in rows}


def test_every_goal_that_is_reached_is_said_to_be() -> None:
    found = verdicts(everything())
    assert len(found) == 17
    assert [words for words in found.values() if not words.endswith(" yes")] == []


def test_a_goal_that_is_missed_stands_out() -> None:
    found = verdicts(everything(create_c64=a_cell(1900, p99_ms=26.0)))
    assert found["create_c64 / pgbench's best"] == "1.90 **no**"
    assert found["create_c64, p99 in ms"] == "26.00 **no**"
    assert found["approve_c64 / pgbench's best"] == "3.00 yes"


def test_a_goal_that_was_not_measured_keeps_its_row() -> None:
    found = verdicts(Found(cells={"get_c16": a_cell(500), "pgbench_get_c16": a_cell(1000)}))
    assert len(found) == len(verdicts(everything()))
    assert found.pop("get_c16 / pgbench's best") == "0.50 yes"
    assert {words.strip(" |") for words in found.values()} == {"not measured in this run"}


def test_the_details_of_a_whole_run_and_of_an_empty_one_can_be_written() -> None:
    assert "| pending_pages_c16 | 3000 | 1000 | 3.00 |" in report.details(everything(), FULL)
    assert "Import:" not in report.details(Found(), FULL)


def test_the_one_json_object_has_only_what_was_measured() -> None:
    assert report.summary(Found()) == {}
    assert report.summary(everything()).keys() == {
        *(goal.cell for goal in GOALS),
        "import",
        "rss_mb",
        "ready_s",
        "scoring",
        "one_score",
    }
    assert report.summary(everything())["scoring"] == {"ratio": 0.95, "drained_per_s": 300}
    assert report.summary(everything())["one_score"] == {"p50_ms": 6, "p99_ms": 20}


def test_64_clients_are_compared_with_the_best_of_pgbench_and_others_with_as_many() -> None:
    cells = {"pgbench_create_c1": a_cell(900), "pgbench_create_c4": a_cell(700), "pgbench_create_c16": a_cell(800)}
    for cell, per_s in (("create_c64", 800), ("create_c64_w2", 800), ("create_c1", 900)):
        limit = limit_of(cell, cells)
        assert limit is not None
        assert limit.per_s == per_s
    assert limit_of("pending_pages_c16", cells) is None


def test_a_cell_without_rounds_has_no_figure() -> None:
    found = medians({"get_c16": [], "create_c1": [a_cell(5), a_cell(7), a_cell(6)]})
    assert found.keys() == {"create_c1"}
    assert found["create_c1"].per_s == 6


@pytest.mark.parametrize(("per_s", "database_us", "worse"), [(400, 150, 2.5), (900, 300, 3.0)])
def test_the_worse_of_rate_and_database_cpu_counts_for_a_page(per_s: float, database_us: float, worse: float) -> None:
    pages = {("vendor", 10): a_cell(1000), ("vendor", 1000): a_cell(per_s, database_us=database_us)}
    found = slowdown(pages, "vendor")
    assert found is not None
    assert (found.sizes, found.worse) == ((10, 1000), worse)
    assert slowdown(pages, "pending") is None


def test_figures_take_the_place_of_the_last_ones_and_of_nothing_else() -> None:
    page = f"Before.\n\n{report.BEGIN}\n\nOld.\n\n{report.END}\n\nAfter.\n"
    written = report.with_figures(page, "New.")
    assert written == page.replace("Old.", "New.")
    assert report.with_figures(written, "New.") == written


@pytest.mark.parametrize("page", ["", report.BEGIN, f"{report.END} {report.BEGIN}"])
def test_a_page_without_its_markers_is_left_alone(page: str) -> None:
    with pytest.raises(RuntimeError, match="has not the lines"):
        report.with_figures(page, "New.")


def test_the_page_in_docs_has_its_markers() -> None:
    page = (Path(__file__).parents[2] / report.PAGE).read_text("utf-8")
    assert "\nNew.\n" in report.with_figures(page, "New.")


def wanted(*words: str, monkeypatch: pytest.MonkeyPatch) -> argparse.Namespace:
    monkeypatch.delenv("QUICK", raising=False)
    monkeypatch.setattr("sys.argv", ["bench", *words])
    return command_line.arguments()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "make bench"),
        (("--data", "/some/where"), "make bench"),
        (("--quick",), "python -m bench --quick --write"),
        (
            ("--pages", "1000,10", "--only", "pages", "--rounds", "2"),
            "python -m bench --only pages --rounds 2 --pages 10,1000 --write",
        ),
        (("--seconds", "0.5", "--payments", "9"), "python -m bench --seconds 0.5 --payments 9 --write"),
    ],
)
def test_the_page_names_the_command_that_wrote_it(
    words: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command_line.command(wanted(*words, "--write", monkeypatch=monkeypatch)) == said


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--rounds", "0"),
        ("--rounds", "-1"),
        ("--payments", "0"),
        ("--seconds", "0"),
        ("--seconds", "nan"),
        ("--seconds", "61"),
        ("--pages", "10"),
        ("--pages", "10,10"),
        ("--pages", "10,"),
    ],
)
def test_nothing_is_not_measured(
    option: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        wanted(option, value, monkeypatch=monkeypatch)
    assert ended.value.code == 2
    assert f"argument {option}" in capsys.readouterr().err
