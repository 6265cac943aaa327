"""The vendor bills much more a day than it did."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.fraud.chance import surprise
from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.priors import Priors
from vendorpay.domain.fraud.signal import Parameters, Signal, Speaks, evidence
from vendorpay.domain.fraud_signals.new_vendor_burst import as_many


def _judge(facts: FraudFacts, parameters: Parameters, _: Priors) -> Speaks | None:
    pace = facts.pace
    if pace.mean_day is None or pace.busiest_day is None or pace.usual_day is None:
        return None
    seen = pace.last_24h + 1
    # A busy day is no news: what counts is more than the busiest before, held against a mean that leans to it.
    expected = max((pace.mean_day + pace.busiest_day) / 2, parameters["dayMin"])
    if seen <= max(pace.busiest_day * parameters["busiestTimes"], parameters["paymentsMin"]):
        return None
    strength = evidence(surprise(as_many(seen, expected)))
    if strength <= 0:
        return None
    usual = f"{pace.mean_day:.1f} a day and {pace.busiest_day} at most" if pace.busiest_day else "none"
    words = f"{seen} payments within 24 hours; in the days before, at most four weeks, the vendor had {usual}."
    return Speaks(strength, words)


VELOCITY_CHANGE: Final = Signal(
    code="velocity_change",
    family="pace",
    weight=0.6,
    parameters={"dayMin": 1, "busiestTimes": 1.5, "paymentsMin": 4},
    judge=_judge,
)
