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
from typing import Final

from bench import report
from bench.cells import Cell, all_cells
from bench.database import say
from bench.plan import FULL, QUICK, Plan
from bench.run import PARTS, run

SECONDS_MIN: Final = 0.1
SECONDS_MAX: Final = 60.0
"""Well below the time after which pgbench and the load generator are given up."""
DESCRIPTION = """\
Runs the real service over HTTP and pgbench with one statement for each request in turn, on a PostgreSQL of its own
(fsync on) under --data, and prints tables on stderr and one JSON object as the last line of stdout. The database is
kept, so that only the first run has to fill it. Linux only.

For tuning, a few cells alone, many times:

    python -m bench --quick --only create_c64,pgbench_create_c16 --rounds 5

On a machine that is not idle the column "by CPU" is the one to look at: CPU of pgbench and its database for one
request over CPU of service, database and client. PYTHONPATH=OTHER/src measures another tree.
"""


def main() -> None:
    """Reads the arguments, measures, prints."""
    wanted = arguments()
    if sys.platform != "linux":
        raise SystemExit("the bench runs on Linux only: it reads /proc and waits with epoll")
    plan, commit = _plan(wanted), report.commit()
    cells, parts = _chosen(wanted.only, quick=wanted.quick)
    # So that everything that was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    began = time.monotonic()
    found = run(wanted.data.absolute(), plan, cells, parts)
    took_s = time.monotonic() - began
    say(f"all of it took {took_s:.0f} s\n\n{report.details(found, plan)}\n")
    if wanted.write:
        report.write(found, plan, command(wanted), commit, took_s)
    print(json.dumps(report.summary(found)))


def _plan(wanted: argparse.Namespace) -> Plan:
    plan = QUICK if wanted.quick else FULL
    if wanted.payments:
        plan = replace(plan, payments=wanted.payments)
    if wanted.rounds:
        plan = replace(plan, rounds=wanted.rounds, side_rounds=wanted.rounds)
    if wanted.seconds:
        plan = replace(plan, cell_s=wanted.seconds)
    if wanted.pages:
        plan = replace(plan, page_sizes=wanted.pages)
    return plan


def command(wanted: argparse.Namespace) -> str:
    """What was asked for, as one types it; without --data, which says where, not what."""
    words = ["--quick"] if wanted.quick else []
    for name in ("only", "rounds", "seconds", "payments"):
        if (value := getattr(wanted, name)) is not None:
            words += [f"--{name}", f"{value:g}" if isinstance(value, float) else str(value)]
    if wanted.pages:
        words += ["--pages", ",".join(map(str, wanted.pages))]
    return " ".join(["python -m bench", *words, "--write"]) if words else "make bench"


def _chosen(only: str | None, *, quick: bool) -> tuple[Sequence[Cell], Sequence[str]]:
    if only is None:
        # Scores take their time to come in: a quick run measures them only where they are asked for.
        return all_cells(quick=quick), [part for part in PARTS if not (quick and part == "scoring")]
    names, cells = only.split(","), all_cells()
    known = {*PARTS, *(cell.name for cell in cells)}
    if unknown := [name for name in names if name not in known]:
        raise SystemExit(f"{', '.join(unknown)}: not known; there are {', '.join(sorted(known))}")
    return [cell for cell in cells if cell.name in names], [part for part in PARTS if part in names]


def several(text: str) -> tuple[int, ...]:
    """Two or more sizes, with commas between them. Raises ArgumentTypeError."""
    found = tuple(sorted({at_least_one(part) for part in text.split(",")}))
    if len(found) < 2:
        raise argparse.ArgumentTypeError("two different sizes at least: they are compared")
    return found


def at_least_one(text: str) -> int:
    """A number from 1 on. Raises ArgumentTypeError."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def some_seconds(text: str) -> float:
    """A time in which something can be measured. Raises ArgumentTypeError."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not SECONDS_MIN <= found <= SECONDS_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {SECONDS_MIN:g} to {SECONDS_MAX:g}")
    return found


def arguments() -> argparse.Namespace:
    """What was asked for. Raises SystemExit where that makes no sense."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    quick = os.environ.get("QUICK", "") not in ("", "0")
    parser.add_argument("--quick", action="store_true", default=quick, help="under two minutes; also by QUICK=1")
    parser.add_argument("--only", metavar="NAMES", help=f"cells, and {', '.join(PARTS)}, with commas between them")
    parser.add_argument("--rounds", type=at_least_one, help="how many rounds")
    parser.add_argument("--seconds", type=some_seconds, help="how long a cell is measured in each round")
    parser.add_argument("--payments", type=at_least_one, help="how many payments are loaded")
    parser.add_argument(
        "--pages", type=several, metavar="SIZES", help="sizes of the databases whose pages are compared: 10000,1000000"
    )
    parser.add_argument("--data", type=Path, help="where its database lies  [default: .bench/full, or .bench/quick]")
    parser.add_argument("--write", action="store_true", help=f"put the figures into {report.PAGE}")
    wanted = parser.parse_args()
    # Each keeps its own: one of another size would be filled anew.
    wanted.data = wanted.data or Path(".bench", "quick" if wanted.quick else "full")
    return wanted


if __name__ == "__main__":
    main()
