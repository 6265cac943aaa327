"""How fast a function on AWS starts, and what an invocation costs: `python -m bench.cold_start`.

The package as it is deployed, with this machine's libraries, on the real runtime client and the tests' Runtime API;
PostgreSQL over TLS, its password from the stand-in for Secrets Manager (requirements/infra.txt). What an empty function
needs is subtracted from the start: Lambda has that ready, or pays for it whatever we do.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import msgspec

from bench import warm_invocation
from infra.packed_here import pack_here
from tests.aws.aurora import Aurora, aurora
from tests.aws.conftest import IDENTITY, ISSUER
from tests.aws.gateway_events import V2, claims, event
from tests.aws.moto_server import moto_server
from tests.aws.runtime_api import LambdaFunction
from vendorpay.api import examples
from vendorpay.entrypoints.aws.functions import FUNCTIONS, Function

TIMES: Final = 10
EMPTY: Final = "bench.empty_function.handler"
READY_MS_MAX: Final = 150
FIRST_MS_MAX: Final = 400
WARM_MS_MAX: Final = 1.0
PROFILE_LINES: Final = 40
PROFILED: Final = 9
HOT: Final = tuple(row for row in FUNCTIONS if row.hot and row.operations)
_OF_A_PROCESS: Final = 2
"""Of Linux's clocks by process: the one that counts what it ran, in nanoseconds, not in ticks."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """One start of a function, in milliseconds by the clock and of processors."""

    ready_ms: float
    ready_cpu_ms: float
    first_ms: float = 0.0
    first_cpu_ms: float = 0.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints a table; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.cold_start", description=__doc__)
    parser.add_argument("--times", type=int, default=TIMES, help="starts of each function; the median counts")
    parser.add_argument("--profile", metavar="FUNCTION", help="what one function imports, the slowest first")
    chosen = parser.parse_args(arguments)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a package for Lambda has its bytecode too
    if chosen.profile:
        print(profile(chosen.profile))
        return 0
    with tempfile.TemporaryDirectory() as folder, moto_server() as moto, aurora(Path(folder), moto) as database:
        return _measure(database, Path(folder), chosen.times)


def _measure(database: Aurora, folder: Path, times: int) -> int:
    places = os.pathsep.join(map(str, pack_here(folder / "package")))
    _started(EMPTY, {}, None)  # leaves the bytecode for those that follow
    empty = _median([_started(EMPTY, {}, None) for _ in range(times)])
    print(
        f"an empty function: ready after {empty.ready_ms:.0f} ms, {empty.ready_cpu_ms:.0f} ms of CPU (left out below)\n"
    )
    print("| function | ready, ms | its CPU | start and first answer, ms | its CPU |")
    print("| --- | --- | --- | --- | --- |")
    met = True
    for row in HOT:
        told = {**_environment(database, row), "PYTHONPATH": places}
        _started(row.handler, told, row)
        found = _median([_started(row.handler, told, row) for _ in range(times)])
        ready, ready_cpu = found.ready_ms - empty.ready_ms, found.ready_cpu_ms - empty.ready_cpu_ms
        first, first_cpu = ready + found.first_ms, ready_cpu + found.first_cpu_ms
        print(f"| {row.name} | {ready:.0f} | {ready_cpu:.0f} | {first:.0f} | {first_cpu:.0f} |", flush=True)
        met = met and ready_cpu <= READY_MS_MAX and first_cpu <= FIRST_MS_MAX
    warm = warm_invocation.measured(database)
    print(f"\na warm create: {warm.whole_ms:.2f} ms of CPU, {warm.use_case_ms:.2f} of them the use case's own")
    print(f"goals of CPU: ready {READY_MS_MAX} ms, answer {FIRST_MS_MAX} ms, warm {WARM_MS_MAX} ms over the use case")
    return 0 if met and warm.whole_ms - warm.use_case_ms <= WARM_MS_MAX else 1


def profile(name: str) -> str:
    """The slowest imports of a function, as Python itself tells them: own time, with all below it, name."""
    (row,) = [row for row in FUNCTIONS if row.name == name]
    told = {**os.environ, **IDENTITY, "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1", "AWS_REGION": "eu-central-1"}
    told |= {"VENDORPAY_FUNCTION": name, "VENDORPAY_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    module = row.handler.rpartition(".")[0]
    argv = [sys.executable, "-X", "importtime", "-c", f"import awslambdaric.bootstrap, {module}"]
    with tempfile.TemporaryDirectory() as folder:
        told["PYTHONPATH"] = os.pathsep.join(map(str, pack_here(Path(folder))))
        runs = [_imports(argv, told) for _ in range(PROFILED)]
    own_us = {module: statistics.median(run[module][0] for run in runs) for module in runs[0]}
    with_below_us = {module: statistics.median(run[module][1] for run in runs) for module in runs[0]}
    slowest = sorted(own_us, key=lambda module: -own_us[module])[:PROFILE_LINES]
    heading = f"{len(own_us)} modules beyond the runtime's own, {sum(own_us.values()) / 1000:.0f} ms; microseconds:"
    lines = [f"{own_us[module]:8.0f} {with_below_us[module]:8.0f}  {module}" for module in slowest]
    return "\n".join([heading, "     own all below  module", *lines])


def _imports(argv: Sequence[str], told: Mapping[str, str]) -> dict[str, tuple[int, int]]:
    """What one start imports, each module's own time and that with all below it."""
    ended = subprocess.run(argv, env=told, capture_output=True, text=True, check=True)
    lines = [line.removeprefix("import time:").split("|") for line in ended.stderr.splitlines()]
    begin = next(at for at, line in enumerate(lines) if line[-1].strip() == "awslambdaric.bootstrap")
    return {name.strip(): (int(own), int(below)) for own, below, name in lines[begin + 1 :]}


def _environment(database: Aurora, row: Function) -> dict[str, str]:
    return database.environment(row.role.value, VENDORPAY_FUNCTION=row.name, VENDORPAY_JWT_ISSUER=ISSUER, **IDENTITY)


def _started(handler: str, told: Mapping[str, str], row: Function | None) -> Start:
    """One start, and the first answer where there is something to ask."""
    with LambdaFunction(handler, told) as function:
        began = time.monotonic()
        function.start()
        ready_s = time.monotonic() - began
        ready_cpu_ms = _cpu_ms(function.pid)
        if row is None:
            return Start(ready_ms=ready_s * 1000, ready_cpu_ms=ready_cpu_ms)
        asked = _asked(row)
        began = time.monotonic()
        answered = function.invoke(asked)
        first_s = time.monotonic() - began
        if answered["statusCode"] not in {200, 201, 404}:
            raise RuntimeError(f"{row.name} answered {answered}")
        first_cpu_ms = _cpu_ms(function.pid) - ready_cpu_ms
        return Start(
            ready_ms=ready_s * 1000, ready_cpu_ms=ready_cpu_ms, first_ms=first_s * 1000, first_cpu_ms=first_cpu_ms
        )


def _asked(row: Function) -> dict[str, Any]:
    headers, body = [("Content-Type", "application/json"), ("Idempotency-Key", str(uuid4()))], None
    who = claims("admin")
    match row.operations:
        case ("createPayment",):
            body = msgspec.json.encode({**examples.NEW_PAYMENT, "incidentId": str(uuid4())})
            return event(V2, "POST", "/payments", who=who, headers=headers, body=body)
        case ("approvePayment",):
            return event(V2, "POST", f"/payments/{uuid4()}/approve", who=who, headers=headers, body=b"{}")
        case ("listPendingPayments",):
            return event(V2, "GET", "/payments/pending", who=who)
        case _:
            return event(V2, "GET", f"/payments/{uuid4()}", who=who)


def _cpu_ms(pid: int) -> float:
    """Of a process that runs, with all its threads (what glibc's clock_getcpuclockid would tell)."""
    return time.clock_gettime(~pid << 3 | _OF_A_PROCESS) * 1000


def _median(starts: Sequence[Start]) -> Start:
    names = Start.__dataclass_fields__
    return Start(**{name: statistics.median(getattr(start, name) for start in starts) for name in names})


if __name__ == "__main__":
    sys.exit(main())
