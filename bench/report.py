"""What a run says: the one JSON object, the table of goals, and the page docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bench.goals import GOALS, limit_of
from bench.measuring import Measured
from bench.pages import KINDS, Slowdown, slowdown
from bench.plan import Plan
from bench.run import Found
from bench.table import row, rule, table

PAGE: Final = Path("docs/benchmarks.md")
BEGIN: Final = "<!-- written by make bench: begin -->"
END: Final = "<!-- written by make bench: end -->"
READY_S_MAX: Final = 2.0
RSS_MB_MAX: Final = 150.0
IMPORT_RATIO_MIN: Final = 0.9
SCORING_RATIO_MIN: Final = 0.9
ONE_SCORE_P99_MS_MAX: Final = 50.0
SLOWDOWN_MAX: Final = 2.0
IMPORT_MEMORY_MAX: Final = 1.1
NOT_MEASURED: Final = "not measured in this run"
SLOW_RATIO_MIN: Final = 1.0


def summary(found: Found) -> dict[str, Any]:
    """The last line of stdout. What was not measured is not in it."""
    said: dict[str, Any] = {}
    for goal in GOALS:
        one, limit = found.cells.get(goal.cell), limit_of(goal.cell, found.cells)
        if one is not None:
            ratio = None if limit is None else round(one.per_s / limit.per_s, 3)
            said[goal.cell] = {"ratio": ratio, "p99_ms": round(one.p99_ms, 2), "per_s": round(one.per_s, 1)}
    if found.imported is not None:
        said["import"] = {"ratio": round(found.imported.ratio, 3), "per_s": round(found.imported.per_s, 1)}
    if (scoring := found.scoring) is not None:
        said["scoring"] = {"ratio": round(scoring.ratio, 3), "drained_per_s": round(scoring.drained_per_s, 1)}
    if (one_score := found.one_score) is not None:
        said["one_score"] = {"p50_ms": round(one_score.p50_ms, 2), "p99_ms": round(one_score.p99_ms, 2)}
    if "create_c64" in found.cells:
        said["rss_mb"] = round(found.cells["create_c64"].rss_mb, 1)
    if found.ready_s is not None:
        said["ready_s"] = round(found.ready_s, 2)
    return said


def goals(found: Found) -> str:
    """Each goal, and how far it is reached, as Markdown; one that this run says nothing about keeps its row."""
    return "\n".join([row(["what", "goal", "reached", ""]), rule(4), *_of_cells(found), *_of_parts(found)])


def _of_cells(found: Found) -> Iterator[str]:
    for goal in GOALS:
        one, limit = found.cells.get(goal.cell), limit_of(goal.cell, found.cells)
        yield _at_least(f"{goal.cell} / pgbench's best", goal.ratio_min, _over(one, limit))
        if goal.p99_ms_max is not None:
            yield _at_most(f"{goal.cell}, p99 in ms", goal.p99_ms_max, one.p99_ms if one else None)
        if goal.p99_times_max is not None:
            times = one.p99_ms / limit.p99_ms if one and limit else None
            yield _at_most(f"{goal.cell}, p99 / pgbench's", goal.p99_times_max, times)
    one = found.cells.get("create_c64")
    yield _at_least("create_c64 of two workers / of one", 1.0, _over(found.cells.get("create_c64_w2"), one))
    yield _at_most("server, resident MB at create_c64", RSS_MB_MAX, one.rss_mb if one else None)


def _of_parts(found: Found) -> Iterator[str]:
    slow, imported = found.slow_cells, found.imported
    ratio = _over(slow.get("create_c64"), slow.get("pgbench_create_c64"))
    yield _at_least("create_c64 / pgbench at 64, commits 2 ms slower", SLOW_RATIO_MIN, ratio)
    ratio = found.scoring.ratio if found.scoring else None
    yield _at_least("create_c64 with fraud scoring / without", SCORING_RATIO_MIN, ratio)
    p99_ms = found.one_score.p99_ms if found.one_score else None
    yield _at_most("one score alone, p99 in ms", ONE_SCORE_P99_MS_MAX, p99_ms)
    for kind in KINDS:
        yield _of_pages(kind, slowdown(found.pages, kind))
    yield _at_least("import / COPY", IMPORT_RATIO_MIN, imported.ratio if imported else None)
    what = "import, memory at the large file / at the small one"
    if imported is not None:
        what = f"import, memory at {imported.sizes[1]:,} / at {imported.sizes[0]:,}"
    yield _at_most(what, IMPORT_MEMORY_MAX, imported.rss_mb[1] / imported.rss_mb[0] if imported else None)
    yield _at_most("serve on existing data, seconds until ready", READY_S_MAX, found.ready_s)


def details(found: Found, plan: Plan) -> str:
    """Everything that was measured, as Markdown."""
    parts = [goals(found)]
    if found.cells:
        parts.append(table(found.cells))
    if found.slow_cells:
        parts.append("Creates when every flush takes 2 ms longer:\n\n" + table(found.slow_cells, with_goals=False))
    if found.pages:
        head = [row(["page of 50, 16 clients", "payments", "/s", "p50 ms", "p99 ms", "database us"]), rule(6)]
        head += [
            row(
                [
                    kind,
                    f"{size:,}",
                    f"{one.per_s:.0f}",
                    f"{one.p50_ms:.2f}",
                    f"{one.p99_ms:.2f}",
                    f"{one.database_us:.0f}",
                ]
            )
            for (kind, size), one in found.pages.items()
        ]
        parts.append("\n".join(head))
    if (imported := found.imported) is not None:
        parts.append(
            f"Import: {imported.per_s:.0f} payments/s, COPY alone {imported.copy_per_s:.0f}/s; the command's memory "
            f"{imported.rss_mb[0]:.0f} MB for {imported.sizes[0]:,} payments, {imported.rss_mb[1]:.0f} MB for "
            f"{imported.sizes[1]:,}."
        )
    if (scoring := found.scoring) is not None:
        parts.append(
            f"Fraud scoring: {scoring.off_per_s:.0f} creates/s without it, {scoring.on_per_s:.0f} with it; once nobody "
            f"created any more, {scoring.drained_per_s:.0f} payments/s got the scores that were due."
        )
    if (one := found.one_score) is not None:
        parts.append(
            f"One score with {plan.payments:,} payments stored: p50 {one.p50_ms:.1f} ms, p99 {one.p99_ms:.1f} ms; with "
            f"its commit p50 {one.recorded_p50_ms:.1f} ms, p99 {one.recorded_p99_ms:.1f} ms, and {one.cpu_ms:.1f} ms "
            f"of CPU of service and database."
        )
    if found.import_ms is not None and found.ready_s is not None:
        parts.append(
            f"`serve` on {plan.payments:,} payments was ready after {found.ready_s:.2f} s; importing a serving process "
            f"took {found.import_ms:.0f} ms of CPU over a bare Python."
        )
    return "\n\n".join(parts)


def write(found: Found, plan: Plan, command: str, commit: str, took_s: float) -> None:
    """Puts the figures into docs/benchmarks.md. Raises RuntimeError where its markers are missing."""
    said = f"{_where(found, plan, command, commit, took_s)}\n\n{details(found, plan)}"
    PAGE.write_text(with_figures(PAGE.read_text("utf-8"), said), "utf-8")


def with_figures(page: str, figures: str) -> str:
    """The page with these figures between its markers. Raises RuntimeError where one of them is missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise RuntimeError(f"{PAGE} has not the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{figures}\n\n{END}{after}"


def commit() -> str:
    """What is measured; `-dirty` when files differ from it. To be asked before: a run takes long."""
    argv = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def _over(one: Measured | None, other: Measured | None) -> float | None:
    return one.per_s / other.per_s if one and other else None


def _at_least(what: str, wanted: float, reached: float | None) -> str:
    return _goal(what, f">= {wanted:g}", reached, reached is not None and reached >= wanted)


def _at_most(what: str, wanted: float, reached: float | None) -> str:
    return _goal(what, f"<= {wanted:g}", reached, reached is not None and reached <= wanted)


def _goal(what: str, wanted: str, reached: float | None, is_reached: bool) -> str:
    if reached is None:
        return row([what, wanted, NOT_MEASURED, ""])
    return row([what, wanted, f"{reached:.2f}", "yes" if is_reached else "**no**"])


def _of_pages(kind: str, found: Slowdown | None) -> str:
    if found is None:
        return _at_most(f"a {kind} page in the largest database / in the smallest", SLOWDOWN_MAX, None)
    small, large = found.sizes
    both = f"(by rate {found.by_rate:.2f}, by database CPU {found.by_database_cpu:.2f})"
    return _at_most(f"a {kind} page at {large:,} / at {small:,}, the worse {both}", SLOWDOWN_MAX, found.worse)


def _where(found: Found, plan: Plan, command: str, measured_commit: str, took_s: float) -> str:
    return (
        f"`{command}` on {datetime.now(UTC):%Y-%m-%d}, commit {measured_commit}, {took_s / 60:.0f} "
        f"minutes: {os.cpu_count()} cores of {_processor()}, {_memory_gb():.0f} GB, {_system()}, Python "
        f"{platform.python_version()}, PostgreSQL {found.postgres_version}; {plan.payments:,} payments, {plan.rounds} "
        f"rounds of {plan.cell_s:g} s for each cell, medians."
    )


def _processor() -> str:
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return names[0].partition(":")[2].strip() if names else platform.machine()


def _memory_gb() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1024**3


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()
