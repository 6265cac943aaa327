"""One run, from the database to the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from bench import database, imports, one_score, pages, scoring, slow_commit, start_up
from bench.cells import Bench, Cell, approvals_needed, in_rounds
from bench.database import Loaded
from bench.goals import medians
from bench.imports import Imported
from bench.measuring import Measured
from bench.one_score import OneScore
from bench.pages import Pages
from bench.plan import Plan
from bench.scoring import Scoring
from bench.service import LOG, Service, serving
from vendorpay.entrypoints.embedded_postgres import RunningPostgres

PARTS: Final = ("import", "one_score", "pages", "scoring", "slow_commit", "start_up")
"""What is measured beside the cells."""
STARTS_MIN: Final = 3
SLOW: Final = (Cell(kind="create", clients=64, workers=1), Cell(kind="create", clients=64))


@dataclass(kw_only=True)
class Found:
    """What a run gave; what was not asked for is empty."""

    cells: Mapping[str, Measured] = field(default_factory=dict)
    pages: Pages = field(default_factory=dict)
    imported: Imported | None = None
    scoring: Scoring | None = None
    one_score: OneScore | None = None
    slow_cells: Mapping[str, Measured] = field(default_factory=dict)
    """Creates with slow commits."""
    ready_s: float | None = None
    import_ms: float | None = None
    postgres_version: str = ""


def run(home: Path, plan: Plan, cells: Sequence[Cell], parts: Sequence[str]) -> Found:
    """Measures the cells and the parts that are named. Raises RuntimeError when anything is not as it should be."""
    found = Found()
    (home / "serve" / LOG).unlink(missing_ok=True)
    with database.running(home) as postgres:
        loaded = database.database(postgres, plan.payments)
        found.postgres_version = database.version(loaded)
        if cells:
            found.cells = _rounds(home, plan, postgres, loaded, cells)
        if "scoring" in parts:
            found.scoring = scoring.measure(home, plan, postgres, loaded)
        if "one_score" in parts:
            found.one_score = one_score.measure(postgres, loaded)
        if "import" in parts:
            with serving(home / "serve", "--database-url", loaded.app_url) as service:
                found.imported = imports.measure(home, loaded, service, plan.import_sizes, plan.side_rounds)
        if "pages" in parts:
            found.pages = pages.measure(home, postgres, loaded, plan.page_sizes, plan.side_rounds, plan.cell_s)
        real = postgres.bin_dir
    if "slow_commit" in parts and (slow := slow_commit.binaries(home, real)) is not None:
        with database.running(home, slow) as postgres:
            loaded = database.database(postgres, plan.payments)
            found.slow_cells = _rounds(home, replace(plan, rounds=plan.side_rounds), postgres, loaded, SLOW)
    if "start_up" in parts:
        times = max(STARTS_MIN, plan.side_rounds)
        found.ready_s, found.import_ms = start_up.ready_s(home, times), start_up.import_ms(times)
    return found


def _rounds(
    home: Path, plan: Plan, postgres: RunningPostgres, loaded: Loaded, cells: Sequence[Cell]
) -> Mapping[str, Measured]:
    pool = database.fill_pool(loaded, approvals_needed(plan, cells))
    with ExitStack() as stack:
        services: dict[int, Service] = {
            workers: stack.enter_context(serving(home / "serve", "--database-url", loaded.app_url, workers=workers))
            for workers in sorted({cell.workers for cell in cells if cell.workers})
        }
        bench = Bench(plan=plan, postgres=postgres, loaded=loaded, pool=pool, services=services)
        bench.warm_up()
        return medians(in_rounds(bench, cells))
