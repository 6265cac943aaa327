"""`python -m bench`: measures the service against its database's limit; the last line of stdout is one JSON object."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench import database
from bench.cells import Bench, Cell, all_cells, approvals_needed, in_rounds
from bench.database import say
from bench.goals import medians, summary
from bench.plan import FULL, QUICK, Plan
from bench.service import serving
from bench.table import table

DESCRIPTION = """\
Runs the real service over HTTP and pgbench with one statement for each request in turn, on a PostgreSQL of its own
(fsync on) under --data, and prints a table on stderr and one JSON object as the last line of stdout.

For tuning: `python -m bench --quick --only create_c64,pgbench_create_c4 --rounds 5`.
"""


def main() -> None:
    """Reads the arguments, measures, prints."""
    wanted = _arguments()
    plan = QUICK if wanted.quick else FULL
    plan = replace(plan, **{name: value for name in ("rounds", "payments") if (value := getattr(wanted, name))})
    if wanted.seconds:
        plan = replace(plan, cell_s=wanted.seconds)
    cells = _chosen(wanted.only, quick=wanted.quick)
    began = time.monotonic()
    found = _measure(wanted.data.absolute(), plan, cells)
    say(f"all of it took {time.monotonic() - began:.0f} s")
    print(json.dumps(found))


def _measure(home: Path, plan: Plan, cells: Sequence[Cell]) -> dict[str, Any]:
    with database.running(home) as postgres:
        loaded = database.database(postgres, plan.payments)
        pool = database.fill_pool(loaded, approvals_needed(plan, cells))
        with ExitStack() as stack:
            services = {
                workers: stack.enter_context(serving(home / "serve", "--database-url", loaded.app_url, workers=workers))
                for workers in sorted({cell.workers for cell in cells if cell.workers})
            }
            bench = Bench(plan=plan, postgres=postgres, loaded=loaded, pool=pool, services=services)
            bench.warm_up()
            rounds = medians(in_rounds(bench, cells))
    say("\n" + table(rounds))
    return summary(rounds)


def _chosen(only: str | None, *, quick: bool) -> Sequence[Cell]:
    if only is None:
        return all_cells(quick=quick)
    cells = all_cells()
    names = only.split(",")
    if unknown := [name for name in names if name not in {cell.name for cell in cells}]:
        raise SystemExit(f"{', '.join(unknown)}: no cell; there are {', '.join(cell.name for cell in cells)}")
    return [cell for cell in cells if cell.name in names]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    quick = os.environ.get("QUICK", "") not in ("", "0")
    parser.add_argument("--quick", action="store_true", default=quick, help="under two minutes; also by QUICK=1")
    parser.add_argument("--only", metavar="CELLS", help="the named cells alone, with commas between them")
    parser.add_argument("--rounds", type=int, help="how many rounds")
    parser.add_argument("--seconds", type=float, help="how long a cell is measured in each round")
    parser.add_argument("--payments", type=int, help="how many payments are loaded")
    parser.add_argument("--data", type=Path, default=Path(".bench"), help="where its database lies  [default: .bench]")
    return parser.parse_args()


if __name__ == "__main__":
    main()
