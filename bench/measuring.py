"""One measured cell: how many a second, how long each took, and the CPU it cost."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

TAIL_SHARE: Final = 0.03
"""The end, when clients run out, is not counted."""
COUNT_MIN: Final = 10


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one cell gave in one round."""

    per_s: float
    p50_ms: float
    p99_ms: float
    service_us: float
    """CPU of the service for each request, in microseconds; 0 for pgbench."""
    database_us: float
    client_us: float
    rss_mb: float = 0.0
    count: int = 0
    """How many requests were answered in all."""

    @property
    def cpu_us(self) -> float:
        """CPU of all three for one request: what limits a machine that does nothing else."""
        return self.service_us + self.database_us + self.client_us


def measured(
    ends_at: Sequence[float],
    latencies_s: Sequence[float],
    *,
    first: int,
    used: Callable[[float, float], Sequence[float]],
    client_s: float,
) -> Measured:
    """From each request's end (by time.time()) and duration, in the order of their ends; those before the `first` were
    for warming up. `used` tells the CPU seconds of service and database between two moments.
    """
    last = int(len(ends_at) * (1 - TAIL_SHARE)) - 1
    count = last - first
    if count < COUNT_MIN:
        raise RuntimeError(f"only {len(ends_at)} requests were answered: too few to say anything")
    latencies = sorted(latencies_s[first : last + 1])
    service_s, database_s = used(ends_at[first], ends_at[last])
    return Measured(
        per_s=count / (ends_at[last] - ends_at[first]),
        p50_ms=latencies[len(latencies) // 2] * 1000,
        p99_ms=latencies[int(len(latencies) * 0.99)] * 1000,
        service_us=service_s / count * 1e6,
        database_us=database_s / count * 1e6,
        client_us=client_s / len(ends_at) * 1e6,
        count=len(ends_at),
    )


def median(rounds: Sequence[Measured]) -> Measured:
    """Each figure's median over the rounds."""
    names = ("per_s", "p50_ms", "p99_ms", "service_us", "database_us", "client_us", "rss_mb")
    return Measured(
        **{name: statistics.median(getattr(one, name) for one in rounds) for name in names},
        count=sum(one.count for one in rounds),
    )
