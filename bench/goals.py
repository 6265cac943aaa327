"""What is to be reached, beside pgbench."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bench.cells import SINGLE, Rounds
from bench.measuring import Measured, median


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A cell of the service, the least ratio to pgbench, and the most its p99 may be."""

    cell: str
    ratio_min: float
    p99_ms_max: float | None = None
    p99_times_max: float | None = None
    """How many times pgbench's."""


GOALS: Final = (
    Goal(cell="create_c64", ratio_min=2.0, p99_ms_max=25.0),
    Goal(cell="approve_c64", ratio_min=2.5),
    Goal(cell="create_c1", ratio_min=0.75, p99_times_max=2.0),
    Goal(cell="get_c16", ratio_min=0.33),
    Goal(cell="pending_c16", ratio_min=0.25),
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


def _best(kind: str) -> tuple[str, ...]:
    return tuple(f"pgbench_{kind}_c{clients}" for clients in SINGLE)
