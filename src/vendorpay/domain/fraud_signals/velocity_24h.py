"""More payments within 24 hours than a vendor can have."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.priors import Priors
from vendorpay.domain.fraud.signal import Parameters, Signal, Speaks, ramp


def _judge(facts: FraudFacts, parameters: Parameters, _: Priors) -> Speaks | None:
    pace = facts.pace
    seen = pace.last_24h + 1
    usual = max(pace.busiest_day or 0, pace.others_busy_day or 0, parameters["dayMin"])
    strength = ramp(seen / usual, parameters["timesFrom"], parameters["timesFull"])
    if strength <= 0:
        return None
    words = f"{seen} payments of this vendor within 24 hours, where up to {usual:.0f} are nothing unusual."
    return Speaks(strength, words)


VELOCITY_24H: Final = Signal(
    code="velocity_24h",
    family="pace",
    weight=0.5,
    parameters={"dayMin": 10, "timesFrom": 1.5, "timesFull": 4},
    judge=_judge,
)
