"""The leading digits of the vendor's amounts are not those of grown figures: a slow sign, over a hundred payments."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.priors import Priors
from vendorpay.domain.fraud.signal import Parameters, Signal, Speaks, ramp


def _judge(facts: FraudFacts, parameters: Parameters, _: Priors) -> Speaks | None:
    apart = facts.habits.digits_apart
    if apart is None:
        return None
    strength = ramp(apart, parameters["apartFrom"], parameters["apartFull"])
    if strength <= 0:
        return None
    words = f"The first digits of the vendor's last amounts are {apart:.3f} apart from Benford's law on average."
    return Speaks(strength, words)


BENFORD: Final = Signal(
    code="benford", family="digits", weight=0.05, parameters={"apartFrom": 0.06, "apartFull": 0.12}, judge=_judge
)
