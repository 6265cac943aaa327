"""One measured cell: how many a second, how long each took, and the CPU it cost."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

TAIL_SHARE: Final = 0.03
"""The end, when clients run out, is not counted."""


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


def measured(
    ends_s: Sequence[float],
    latencies_s: Sequence[float],
    *,
    service_s: float,
    database_s: float,
    client_s: float,
    first: int,
) -> Measured:
    """From each request's end and duration, in the order of their ends, and the CPU seconds of all of them;
    those before the `first` were for warming up."""
    count = len(ends_s)
    last = int(count * (1 - TAIL_SHARE)) - 1
    if last - first < 10:
        raise RuntimeError(f"only {count} requests were answered: too few to say anything")
    latencies = sorted(latencies_s[first : last + 1])
    return Measured(
        per_s=(last - first) / (ends_s[last] - ends_s[first]),
        p50_ms=latencies[len(latencies) // 2] * 1000,
        p99_ms=latencies[int(len(latencies) * 0.99)] * 1000,
        service_us=service_s / count * 1e6,
        database_us=database_s / count * 1e6,
        client_us=client_s / count * 1e6,
        count=count,
    )


def median(rounds: Sequence[Measured]) -> Measured:
    """Each figure's median over the rounds."""
    names = ("per_s", "p50_ms", "p99_ms", "service_us", "database_us", "client_us", "rss_mb")
    return Measured(
        **{name: statistics.median(getattr(one, name) for one in rounds) for name in names},
        count=sum(one.count for one in rounds),
    )
