"""What is to be reached, and the one JSON object that says how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bench.cells import SINGLE, Rounds
from bench.measuring import Measured, median


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A cell of the service, the least ratio to pgbench, and the most its p99 may be."""

    cell: str
    against: tuple[str, ...]
    """Cells of pgbench; the best of them counts."""
    ratio_min: float
    p99_ms_max: float | None = None


def _best(kind: str) -> tuple[str, ...]:
    return tuple(f"pgbench_{kind}_c{clients}" for clients in SINGLE)


GOALS: Final = (
    Goal(cell="create_c64", against=_best("create"), ratio_min=2.0, p99_ms_max=25.0),
    Goal(cell="approve_c64", against=_best("approve"), ratio_min=2.5),
    Goal(cell="create_c1", against=("pgbench_create_c1",), ratio_min=0.75),
    Goal(cell="get_c16", against=("pgbench_get_c16",), ratio_min=0.33),
    Goal(cell="pending_c16", against=("pgbench_pending_c16",), ratio_min=0.25),
)


def medians(rounds: Rounds) -> Mapping[str, Measured]:
    """Each cell over its rounds."""
    return {name: median(found) for name, found in rounds.items() if found}


def limit_of(cell: str, cells: Mapping[str, Measured]) -> Measured | None:
    """pgbench's best single-statement figure beside a cell of the service; None where it was not measured.

    One client is compared with one client, many with the best of several numbers of clients.
    """
    kind, _, rest = cell.partition("_c")
    clients = rest.partition("_")[0]
    names = _best(kind) if clients == "64" else (f"pgbench_{kind}_c{clients}",)
    found = [cells[name] for name in names if name in cells]
    return max(found, key=lambda one: one.per_s) if found else None


def summary(cells: Mapping[str, Measured]) -> dict[str, Any]:
    """The part of the JSON object that the cells answer."""
    found: dict[str, Any] = {}
    for goal in GOALS:
        one, limit = cells.get(goal.cell), limit_of(goal.cell, cells)
        if one is None:
            continue
        ratio = None if limit is None else round(one.per_s / limit.per_s, 3)
        found[goal.cell] = {"ratio": ratio, "p99_ms": round(one.p99_ms, 2), "per_s": round(one.per_s, 1)}
    if "create_c64" in cells:
        found["rss_mb"] = round(cells["create_c64"].rss_mb, 1)
    return found
