"""What scoring costs those who create payments, and how fast the scores that are due come afterwards."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import psycopg

from bench.cells import Bench, Cell
from bench.database import Loaded, fill_pool, say
from bench.plan import Plan
from bench.service import Service, serving
from vendorpay.entrypoints.embedded_postgres import RunningPostgres
from vendorpay.usecases.consume_events import GIVE_WAY_S_MAX

ROUNDS_MIN: Final = 2
WINDOW_S_MIN: Final = 3 * GIVE_WAY_S_MAX
"""How long creates are counted: scores go on by crowds, and a time as short as between two has one of them or two."""
DRAIN_S_MAX: Final = 600.0
LOOK_S: Final = 0.05
CREATE: Final = Cell(kind="create", clients=64, workers=1)
WARM: Final = Cell(kind="create", clients=16, workers=1)
PROVIDERS: Final = ("off", "embedded")


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """Creates of 64 clients without scoring and with it, and the scores that were given once nobody created more."""

    off_per_s: float
    on_per_s: float
    drained_per_s: float

    @property
    def ratio(self) -> float:
        """What scoring leaves of the throughput of creates."""
        return self.on_per_s / self.off_per_s


def measure(home: Path, plan: Plan, postgres: RunningPostgres, loaded: Loaded) -> Scoring:
    """Without and with scoring in turn, each by a service of its own that ends before the next begins: they would take
    each other's events. Raises RuntimeError when anything fails, or scores do not come.
    """
    counting = replace(plan, cell_s=max(plan.cell_s, WINDOW_S_MIN))
    per_s: dict[str, list[float]] = {provider: [] for provider in PROVIDERS}
    drained: list[float] = []
    for _ in range(max(ROUNDS_MIN, plan.side_rounds)):
        for provider in PROVIDERS:
            arguments = ("--database-url", loaded.app_url)
            with serving(home / "serve", *arguments, environment={"VENDORPAY_FRAUD_PROVIDER": provider}) as service:
                bench = Bench(
                    plan=plan, postgres=postgres, loaded=loaded, pool=fill_pool(loaded, 0), services={1: service}
                )
                bench.measure(WARM)
                _drained_per_s(service, loaded)
                found = replace(bench, plan=counting).measure(CREATE)
                per_s[provider].append(found.per_s)
                drained_per_s = _drained_per_s(service, loaded)
            if provider != "off":
                drained.append(drained_per_s)
            say(
                f"scoring {provider}: {found.per_s:.0f} creates/s of {found.cpu_us:.0f} us CPU, "
                f"then {drained_per_s:.0f} scores/s"
            )
    off_per_s, on_per_s = (statistics.median(per_s[provider]) for provider in PROVIDERS)
    return Scoring(off_per_s=off_per_s, on_per_s=on_per_s, drained_per_s=statistics.median(drained))


def _drained_per_s(service: Service, loaded: Loaded) -> float:
    """Lets the service work until no payment waits for a score and no event for its consumer; the scores it gave."""
    with psycopg.connect(loaded.superuser_url, autocommit=True) as connection, service.awake():
        began, waiting = time.monotonic(), _waiting(connection)[0]
        while any(_waiting(connection)):
            if time.monotonic() - began > DRAIN_S_MAX:
                raise RuntimeError(f"payments still waited for their scores after {DRAIN_S_MAX:.0f} s")
            time.sleep(LOOK_S)
        return waiting / max(LOOK_S, time.monotonic() - began)


def _waiting(connection: psycopg.Connection[tuple[int, ...]]) -> tuple[int, ...]:
    """How many payments wait for their score, and how many events to be delivered."""
    found = connection.execute(
        "SELECT (SELECT count(*) FROM payments WHERE fraud_gate = 'score_pending'),"
        " (SELECT count(*) FROM deliveries WHERE state = 'pending')"
    ).fetchone()
    assert found is not None
    return found
