"""What is made of single requests: rates, latencies, CPU, and their medians."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from bench.measuring import Measured, measured, median


def of_requests(count: int, *, first: int = 0, slow: Sequence[int] = ()) -> Measured:
    """One request ends every 10 ms and takes 2 ms, or 50 when it is slow; the service uses 30 % of a core, the
    database 50 %."""
    return measured(
        [1000 + n / 100 for n in range(count)],
        [0.050 if n in slow else 0.002 for n in range(count)],
        first=first,
        used=lambda since, until: (0.3 * (until - since), 0.5 * (until - since)),
        client_s=count * 0.0001,
    )


def test_rate_and_cpu_are_those_of_the_counted_window() -> None:
    found = of_requests(1000, first=100)
    assert math.isclose(found.per_s, 100, rel_tol=1e-6)
    assert math.isclose(found.service_us, 3000, rel_tol=1e-6)
    assert math.isclose(found.database_us, 5000, rel_tol=1e-6)
    assert math.isclose(found.cpu_us, 8100, rel_tol=1e-6)
    assert found.count == 1000


def test_what_warmed_up_and_what_ran_out_is_not_in_the_latencies() -> None:
    found = of_requests(1000, first=100, slow=[*range(100), *range(970, 1000)])
    assert (found.p50_ms, found.p99_ms) == (2.0, 2.0)
    assert of_requests(1000, first=100, slow=range(200, 220)).p99_ms == 50.0


def test_a_handful_of_requests_says_nothing() -> None:
    with pytest.raises(RuntimeError, match="too few"):
        of_requests(12, first=1)


def test_each_figure_has_its_own_median() -> None:
    rounds = [
        Measured(per_s=per_s, p50_ms=p50_ms, p99_ms=9, service_us=1, database_us=2, client_us=3, count=5)
        for per_s, p50_ms in ((10, 3), (30, 1), (20, 2))
    ]
    found = median(rounds)
    assert (found.per_s, found.p50_ms, found.count) == (20, 2, 15)
