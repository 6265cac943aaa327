"""`python -m bench`: measures the service against its database's limit; the last line of stdout is one JSON object."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench import report
from bench.cells import Cell, all_cells
from bench.database import say
from bench.plan import FULL, QUICK
from bench.run import PARTS, run

DESCRIPTION = """\
Runs the real service over HTTP and pgbench with one statement for each request in turn, on a PostgreSQL of its own
(fsync on) under --data, and prints tables on stderr and one JSON object as the last line of stdout. The database is
kept, so that only the first run has to fill it.

For tuning, a few cells alone, many times:

    python -m bench --quick --only create_c64,pgbench_create_c16 --rounds 5

On a machine that is not idle the column "by CPU" is the one to look at: CPU of pgbench and its database for one
request over CPU of service, database and client. PYTHONPATH=OTHER/src measures another tree.
"""


def main() -> None:
    """Reads the arguments, measures, prints."""
    wanted = _arguments()
    plan = QUICK if wanted.quick else FULL
    if wanted.payments:
        plan = replace(plan, payments=wanted.payments)
    if wanted.rounds:
        plan = replace(plan, rounds=wanted.rounds, side_rounds=wanted.rounds)
    if wanted.seconds:
        plan = replace(plan, cell_s=wanted.seconds)
    cells, parts = _chosen(wanted.only, quick=wanted.quick)
    # So that everything that was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    began = time.monotonic()
    found = run(wanted.data.absolute(), plan, cells, parts)
    took_s = time.monotonic() - began
    say(f"all of it took {took_s:.0f} s\n\n{report.details(found, plan)}\n")
    if wanted.write:
        report.write(found, plan, "make bench", took_s)
    print(json.dumps(report.summary(found)))


def _chosen(only: str | None, *, quick: bool) -> tuple[Sequence[Cell], Sequence[str]]:
    if only is None:
        return all_cells(quick=quick), PARTS
    names, cells = only.split(","), all_cells()
    known = {*PARTS, *(cell.name for cell in cells)}
    if unknown := [name for name in names if name not in known]:
        raise SystemExit(f"{', '.join(unknown)}: not known; there are {', '.join(sorted(known))}")
    return [cell for cell in cells if cell.name in names], [part for part in PARTS if part in names]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    quick = os.environ.get("QUICK", "") not in ("", "0")
    parser.add_argument("--quick", action="store_true", default=quick, help="under two minutes; also by QUICK=1")
    parser.add_argument("--only", metavar="NAMES", help=f"cells, and {', '.join(PARTS)}, with commas between them")
    parser.add_argument("--rounds", type=int, help="how many rounds")
    parser.add_argument("--seconds", type=float, help="how long a cell is measured in each round")
    parser.add_argument("--payments", type=int, help="how many payments are loaded")
    parser.add_argument("--data", type=Path, help="where its database lies  [default: .bench/full, or .bench/quick]")
    parser.add_argument("--write", action="store_true", help=f"put the figures into {report.PAGE}")
    wanted = parser.parse_args()
    # Each keeps its own: one of another size would be filled anew.
    wanted.data = wanted.data or Path(".bench", "quick" if wanted.quick else "full")
    return wanted


if __name__ == "__main__":
    main()
