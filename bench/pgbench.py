"""The database's own limit: pgbench of the same PostgreSQL, one prepared statement for each request."""

from __future__ import annotations

import math
import resource
import subprocess
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.measuring import Measured, measured
from bench.process_tree import Meter, Tree
from bench.statements import for_pgbench
from vendorpay.entrypoints.embedded_postgres import RunningPostgres

WAIT_S_MAX: Final = 120
COLD: Final = 6
"""PostgreSQL plans a prepared statement anew for its first five executions."""


def warm_s(clients: int) -> float:
    """How long its connections need, all together, to plan their statement: it runs longer by that."""
    return 0.1 + clients * 0.02


@dataclass(frozen=True, kw_only=True)
class Script:
    """A statement, what pgbench computes for it before each run, and its variables."""

    statement: str
    before: str = ""
    variables: Mapping[str, str | int]


def run(
    postgres: RunningPostgres, url: str, script: Script, *, clients: int, seconds: float = 0, transactions: int = 0
) -> Measured:
    """Runs for so many seconds, or so many transactions in all. Raises RuntimeError when one of them failed."""
    with tempfile.TemporaryDirectory(prefix="vendorpay-bench-") as place:
        file = Path(place) / "script.sql"
        file.write_text(f"{script.before}\n{for_pgbench(script.statement)}")
        argv = [str(postgres.bin_dir / "pgbench"), "--no-vacuum", "--protocol=prepared", f"--file={file}"]
        argv += [f"--client={clients}", f"--jobs={min(2, clients)}", "--log", f"--log-prefix={place}/log"]
        argv += (
            [f"--transactions={transactions // clients}"]
            if transactions
            else [f"--time={math.ceil(seconds + warm_s(clients))}"]
        )
        argv += [f"--define={name}={value}" for name, value in script.variables.items()]
        used = _children_s()
        with Meter(Tree(postgres.pid)) as meter:
            done = subprocess.run(
                [*argv, url], capture_output=True, text=True, timeout=WAIT_S_MAX, check=False, cwd=place
            )
        client_s = _children_s() - used
        if done.returncode or "number of failed transactions: 0 " not in done.stdout:
            raise RuntimeError(f"pgbench failed:\n{done.stderr}\n{done.stdout}")
        finished = sorted(line for log in Path(place).glob("log.*") for line in map(_line, log.open()))
    return measured(
        [end for end, _, _ in finished],
        [took for _, took, _ in finished],
        first=_all_warm(finished),
        used=lambda since, until: (0.0, meter.cpu_s(since, until)[0]),
        client_s=client_s,
    )


def _all_warm(finished: Sequence[tuple[float, float, int]]) -> int:
    """The place from which on every client has done its first transactions, with which its connection warms up."""
    seen: Counter[int] = Counter()
    place = 0
    for at, (_, _, client) in enumerate(finished):
        seen[client] += 1
        if seen[client] == COLD:
            place = at + 1
    return min(place, len(finished) // 2)


def _line(text: str) -> tuple[float, float, int]:
    """When a transaction ended and how long it took, in seconds, and whose it was, from a line of pgbench's log."""
    client, _, took_us, _, epoch_s, epoch_us = text.split()[:6]
    return int(epoch_s) + int(epoch_us) / 1e6, int(took_us) / 1e6, int(client)


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
