"""A vendor that nobody knew bills more in its first days than busy vendors do."""

from __future__ import annotations

from math import exp
from typing import Final

from vendorpay.domain.fraud.chance import surprise
from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.priors import Priors
from vendorpay.domain.fraud.signal import Parameters, Signal, Speaks, evidence
from vendorpay.domain.fraud.windows import DAY_S
from vendorpay.domain.fraud.words_of_money import span


def _judge(facts: FraudFacts, parameters: Parameters, _: Priors) -> Speaks | None:
    pace = facts.pace
    busy = pace.others_busy_day
    if pace.vendor_age_s is None or pace.org_age_s is None or busy is None:
        return None
    # Where the organisation itself has just begun, all its vendors are new.
    if pace.vendor_age_s > parameters["days"] * DAY_S or pace.org_age_s < parameters["orgDaysMin"] * DAY_S:
        return None
    seen, expected = pace.last_24h + 1, max(busy * parameters["busyTimes"], parameters["dayMin"])
    if seen < parameters["paymentsMin"]:
        return None
    strength = evidence(surprise(as_many(seen, expected)))
    if strength <= 0:
        return None
    words = (
        f"{seen} payments within 24 hours by a vendor known for {span(pace.vendor_age_s)}; of the other vendors nine "
        f"in ten bill up to {busy:.1f} a day."
    )
    return Speaks(strength, words)


def as_many(seen: int, expected: float) -> float:
    """The chance of at least so many in a day, where `expected` is the mean (Poisson)."""
    term, below = exp(-expected), 0.0
    for number in range(seen):
        below += term
        term *= expected / (number + 1)
    tail, number = term, seen + 1
    while term > tail * 1e-6 and number < seen + 1000:
        term *= expected / number
        tail += term
        number += 1
    return min(1.0, tail) if below > 0 else 1.0


NEW_VENDOR_BURST: Final = Signal(
    code="new_vendor_burst",
    family="pace",
    weight=0.9,
    parameters={"days": 5, "orgDaysMin": 7, "busyTimes": 1.0, "dayMin": 0.5, "paymentsMin": 3},
    judge=_judge,
)
