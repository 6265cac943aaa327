"""The text that Prometheus reads, format 0.0.4."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Final

from vendorpay.metrics.cells import Series
from vendorpay.metrics.families import Family

CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"

Values = Mapping[Series, list[float]]


def rendered(families: Iterable[Family], values: Values) -> bytes:
    """All families with what is known of them. A family that nothing is known of keeps its HELP and TYPE."""
    of_family: dict[str, list[tuple[tuple[str, ...], list[float]]]] = {}
    for (name, labels), numbers in sorted(values.items()):
        of_family.setdefault(name, []).append((labels, numbers))
    lines: list[str] = []
    for family in families:
        lines.append(f"# HELP {family.name} {_escaped(family.told)}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        for labels, numbers in of_family.get(family.name, ()):
            lines.extend(_samples(family, labels, numbers))
    return ("\n".join(lines) + "\n").encode()


def _samples(family: Family, labels: tuple[str, ...], numbers: list[float]) -> Iterator[str]:
    pairs = [f'{name}="{_quoted(value)}"' for name, value in zip(family.labels, labels, strict=True)]
    if family.kind != "histogram":
        yield f"{family.name}{_braced(pairs)} {_number(numbers[0])}"
        return
    *counts, total = numbers
    bounds = [*map(_number, family.buckets), "+Inf"]
    for bound, count in zip(bounds, accumulate(counts), strict=True):
        within = _braced([*pairs, f'le="{bound}"'])
        yield f"{family.name}_bucket{within} {_number(count)}"
    yield f"{family.name}_sum{_braced(pairs)} {_number(total)}"
    # The same numbers as the buckets', so that it is theirs even while somebody counts.
    yield f"{family.name}_count{_braced(pairs)} {_number(sum(counts))}"


def _braced(pairs: list[str]) -> str:
    return f"{{{','.join(pairs)}}}" if pairs else ""


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', '\\"')
