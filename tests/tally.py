"""Counts what the random tests did, in every process that runs tests; the run ends by telling it.

A test says `count("fuzzed requests", status=201, slowest_s=0.02)`; how the processes' counts come together is in
`tests/conftest.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

VALUES_MAX = 40
"""How many different values of one fact are told apart; what comes later is counted as `other`."""

NOTHING: Mapping[str, Any] = {"promised": False, "counts": {}, "values": [], "greatest": []}

FUZZED: Final = "fuzzed requests"
FUZZED_MIN: Final = 100_000
"""How many requests all fuzzers of a soak send together at the least, however often one of them gives up."""

_counts: Counter[str] = Counter()
_values: dict[tuple[str, str], Counter[str]] = {}
_greatest: dict[tuple[str, str], float] = {}


def count(what: str, n: int = 1, **facts: str | int | float) -> None:
    """Adds n. Of a fact that is a float the greatest is kept (`slowest_s=0.2`); of any other, how often it had each
    value (`status=201`)."""
    _counts[what] += n
    for name, value in facts.items():
        if isinstance(value, float):
            _keep_greatest((what, name), value)
        else:
            _add_value((what, name), str(value), n)


def taken() -> dict[str, Any]:
    """Everything counted in this process, as plain values that travel between processes."""
    return {
        "promised": promise.given,
        "counts": dict(_counts),
        "values": [[*place, dict(values)] for place, values in _values.items()],
        "greatest": [[*place, value] for place, value in _greatest.items()],
    }


def add(other: Mapping[str, Any]) -> None:
    """Adds what another process has `taken`."""
    promise.given |= other["promised"]
    _counts.update(other["counts"])
    for what, name, values in other["values"]:
        for value, n in values.items():
            _add_value((what, name), value, n)
    for what, name, value in other["greatest"]:
        _keep_greatest((what, name), value)


def broken_promise() -> str | None:
    """What to say of a run whose fuzzers sent too little."""
    return promise.broken(_counts[FUZZED])


def lines() -> Iterator[str]:
    """The sum of it, for people."""
    for what, total in sorted(_counts.items()):
        yield f"{what}: {total:,}"
        for (_, name), values in sorted(item for item in _values.items() if item[0][0] == what):
            yield f"  {name}: " + ", ".join(f"{value} {n:,}" for value, n in sorted(values.items()))
        for (_, name), value in sorted(item for item in _greatest.items() if item[0][0] == what):
            yield f"  {name}: {value:,.3g}" if value < 1_000 else f"  {name}: {value:,.0f}"


def _place(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


FUZZERS: Final = frozenset(map(_place, Path(__file__).parent.glob("fuzz/test_*.py"))) | {
    "api/test_generated_requests.py"
}


class Promise:
    """That a run sends FUZZED_MIN requests; a run of all fuzzers gives it."""

    def __init__(self) -> None:
        self.given = False
        self._some_left_out = False

    def left_out(self, paths: Iterable[Path]) -> None:
        """Tests in these files will not run."""
        self._some_left_out |= not FUZZERS.isdisjoint(map(_place, paths))

    def made_by(self, paths: Iterable[Path]) -> None:
        """Tests in these files will."""
        self.given = not self._some_left_out and {*map(_place, paths)} >= FUZZERS

    def broken(self, sent: int) -> str | None:
        """What to say of a run that sent no more than that."""
        return f"only {sent:,} of {FUZZED_MIN:,} {FUZZED} were sent" if self.given and sent < FUZZED_MIN else None


promise = Promise()


def _add_value(place: tuple[str, str], value: str, n: int) -> None:
    values = _values.setdefault(place, Counter())
    values[value if value in values or len(values) < VALUES_MAX else "other"] += n


def _keep_greatest(place: tuple[str, str], value: float) -> None:
    _greatest[place] = max(value, _greatest.get(place, value))
