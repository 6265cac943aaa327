"""A vendor that nobody knew bills more in its first days than busy vendors do."""

from __future__ import annotations

from math import exp
from typing import Final

from vendorpay.domain.fraud.chance import surprise
from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.pace_facts import PaceFacts
from vendorpay.domain.fraud.priors import Priors
from vendorpay.domain.fraud.signal import Parameters, Signal, Speaks, evidence
from vendorpay.domain.fraud.windows import DAY_S
from vendorpay.domain.fraud.words_of_money import span


def _judge(facts: FraudFacts, parameters: Parameters, _: Priors) -> Speaks | None:
    pace = facts.pace
    if pace.vendor_age_s is None or pace.org_age_s is None or not pace.others_days:
        return None
    # Where the organisation itself has just begun, all its vendors are new.
    if pace.vendor_age_s > parameters["days"] * DAY_S or pace.org_age_s < parameters["orgDaysMin"] * DAY_S:
        return None
    chance, seen, hours = min(
        (_chance(pace, seen, hours, parameters), seen, hours)
        for seen, hours in ((pace.last_hour + 1, 1), (pace.last_6h + 1, 6), (pace.last_24h + 1, 24))
    )
    strength = evidence(surprise(chance) + parameters["priorDecades"])
    if seen < parameters["paymentsMin"] or strength <= 0 or chance > parameters["chanceMax"]:
        return None
    words = (
        f"{seen} payments within {hours} hours by a vendor known for {span(pace.vendor_age_s)}; of the other vendors "
        f"nine in ten bill up to {pace.others_busy_day or 0:.1f} a day."
    )
    return Speaks(strength, words)


def _chance(pace: PaceFacts, seen: int, hours: int, parameters: Parameters) -> float:
    """The chance that a vendor like one of the others, whichever, has so many in so many hours, and busy hours."""
    rush = {1: parameters["rushTimes1h"], 6: parameters["rushTimes6h"]}.get(hours, 1.0)
    part = hours / 24 * rush
    quiet = pace.others - len(pace.others_days)  # quieter ones than those that are kept: at most as busy as the last
    tails = [as_many(seen, day * part) for day in pace.others_days]
    return min(1.0, (sum(tails) + quiet * tails[-1]) / pace.others)


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
    weight=1.0,
    parameters={
        "days": 2,
        "orgDaysMin": 7,
        "rushTimes1h": 3.0,
        "rushTimes6h": 1.6,
        "paymentsMin": 4,
        "priorDecades": 1.9,
        "chanceMax": 0.05,
    },
    judge=_judge,
)
