"""How surprising things are, when each of them alone is not."""

from __future__ import annotations

from collections.abc import Iterable
from math import exp, inf, log, log10
from typing import Final

SURPRISE_MAX: Final = 12.0


def together(chances: Iterable[float]) -> float:
    """The chance of independent events as rare as these or rarer taken together (Fisher's method, 1925): each is the
    chance of what was seen or something more extreme. Given and answered as 0..1; 1 of none.
    """
    logs = [-log(max(chance, 1e-12)) for chance in chances]
    total = sum(logs)
    term = answer = 1.0
    for number in range(1, len(logs)):
        term *= total / number
        answer += term
    return min(1.0, answer * exp(-total)) if logs else 1.0


def surprise(chance: float) -> float:
    """The chance in powers of ten: 3 for one in a thousand; 0..SURPRISE_MAX."""
    return min(SURPRISE_MAX, max(0.0, -log10(chance) if chance > 0 else inf))


def at_least(seen: int, of: int, chance: float) -> float:
    """The chance to see something at least `seen` times in `of` tries, each with `chance` (binomial)."""
    if seen <= 0:
        return 1.0
    if of < seen:
        return 0.0
    if chance >= 1:
        return 1.0
    term, below = (1.0 - chance) ** of, 0.0
    for number in range(seen):
        below += term
        term *= (of - number) / (number + 1) * chance / (1.0 - chance)
    return max(0.0, min(1.0, 1.0 - below)) if below < 1 - 1e-12 else _upper(seen, of, chance)


def _upper(seen: int, of: int, chance: float) -> float:
    """The first term of the tail, where 1 minus the rest has no digits left."""
    number, answer = 0, 1.0
    while number < seen:
        answer *= (of - number) / (number + 1) * chance
        number += 1
    return min(1.0, answer)
