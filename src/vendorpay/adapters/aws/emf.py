"""Metrics as CloudWatch reads them out of a log: one line of JSON in its embedded metric format.

No call, no permission, nothing to wait for: Lambda carries what is printed to the log, and CloudWatch makes metrics of
every line of this shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

METRICS_MAX: Final = 100
VALUES_MAX: Final = 100
"""CloudWatch takes no more metrics in one line, and no more values of one (embedded metric format, specification)."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One number, or several of which CloudWatch makes a distribution; `unit` by its own names."""

    name: str
    unit: str
    value: float | tuple[float, ...]


def line(namespace: str, dimensions: Mapping[str, str], measured: Sequence[Measured], *, at: datetime) -> str:
    """The line, without its end; all of it under the same dimensions."""
    assert 0 < len(measured) <= METRICS_MAX, "CloudWatch reads one to a hundred metrics from a line"
    for one in measured:
        assert not isinstance(one.value, tuple) or 0 < len(one.value) <= VALUES_MAX, one.name
    directive = {
        "Namespace": namespace,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": one.name, "Unit": one.unit} for one in measured],
    }
    told: dict[str, object] = {
        "_aws": {"Timestamp": int(at.timestamp() * 1000), "CloudWatchMetrics": [directive]},
        **dimensions,
        **{one.name: one.value for one in measured},
    }
    return msgspec.json.encode(told).decode()
