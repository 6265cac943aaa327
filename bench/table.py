"""The one table: service, limit, ratio, latencies, CPU and memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.goals import GOALS, limit_of
from bench.measuring import Measured

HEAD = (
    "| cell | service /s | limit /s | ratio | goal | by CPU | p50 ms | p99 ms | limit p99 ms | CPU us: service | "
    "database | client | database of limit | RSS MB |"
)


def table(cells: Mapping[str, Measured], *, with_goals: bool = True) -> str:
    """All cells of the service beside pgbench's, as Markdown."""
    rows = [HEAD, rule(HEAD.count(" |"))]
    goals = {goal.cell: goal for goal in GOALS if with_goals}
    for name, one in cells.items():
        if name.startswith("pgbench_"):
            continue
        limit, goal = limit_of(name, cells), goals.get(name)
        rows.append(row([name, *_figures(one, limit, f"{goal.ratio_min:.2f}" if goal else "")]))
    rows += [
        "",
        "pgbench, one prepared statement for each request:",
        "",
        "| cell | /s | p50 ms | p99 ms | database us |",
    ]
    rows.append(rule(5))
    for name, one in cells.items():
        if name.startswith("pgbench_"):
            figures = [f"{one.per_s:.0f}", f"{one.p50_ms:.2f}", f"{one.p99_ms:.2f}", f"{one.database_us:.0f}"]
            rows.append(row([name.removeprefix("pgbench_"), *figures]))
    return "\n".join(rows)


def _figures(one: Measured, limit: Measured | None, goal: str) -> Sequence[str]:
    against = (f"{limit.per_s:.0f}", f"{one.per_s / limit.per_s:.2f}") if limit else ("", "")
    by_cpu = f"{limit.cpu_us / one.cpu_us:.2f}" if limit else ""
    return (
        f"{one.per_s:.0f}",
        *against,
        goal,
        by_cpu,
        f"{one.p50_ms:.2f}",
        f"{one.p99_ms:.2f}",
        f"{limit.p99_ms:.2f}" if limit else "",
        f"{one.service_us:.0f}",
        f"{one.database_us:.0f}",
        f"{one.client_us:.0f}",
        f"{limit.database_us:.0f}" if limit else "",
        f"{one.rss_mb:.0f}",
    )


def row(parts: Sequence[str]) -> str:
    """One row of a table."""
    return "| " + " | ".join(parts) + " |"


def rule(columns: int) -> str:
    """What stands between a table's head and its rows."""
    return "|" + " --- |" * columns
