"""What a fraud signal is: a name, what it counts, the figures it goes by, and one pure function over the facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.priors import Priors


class Speaks(msgspec.Struct, frozen=True):
    """A signal's answer: how clearly (above 0, up to 1) and in which words."""

    strength: float
    message: str


Parameters = Mapping[str, float]
Judge = Callable[[FraudFacts, Parameters, Priors], Speaks | None]


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `fraud_signals.SIGNALS`."""

    code: str
    family: str
    """Signals of a family see the same thing from several sides: only the weightiest of them counts in the score."""
    weight: float
    """What it counts at full strength, 0..1, unless the rule set says otherwise."""
    parameters: Parameters
    """The figures it goes by, unless the rule set says otherwise; units in their names."""
    judge: Judge
    """None when it has nothing to say: all is well, or what it needs is unknown."""


EVIDENCE_PER_DECADE: Final = 0.16
EVIDENCE_FROM: Final = 1.0


def evidence(surprise: float) -> float:
    """The strength of something that happens by chance once in 10 ** surprise times.

    One in ten says nothing. From there on each power of ten leaves 10 ** -0.16 of the doubt, whichever signal brings
    it: so a noisy-or of full weights adds the powers of ten up, and reaches 0.7 at 3.3 of them above the first.
    """
    return 1.0 - float(10.0 ** (-EVIDENCE_PER_DECADE * max(0.0, surprise - EVIDENCE_FROM)))


def ramp(value: float, start: float, full: float) -> float:
    """0 up to `start`, 1 from `full` on, and even between."""
    if full <= start:
        return 1.0 if value >= full else 0.0
    return min(1.0, max(0.0, (value - start) / (full - start)))
