"""A vendor that nobody knew bills more in its first days than busy vendors do."""

from __future__ import annotations

from math import exp, log
from typing import Final

from vendorpay.domain.fraud.chance import surprise
from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.pace_facts import PaceFacts
from vendorpay.domain.fraud.priors import Priors
from vendorpay.domain.fraud.signal import Parameters, Signal, Speaks, evidence
from vendorpay.domain.fraud.windows import DAY_S
from vendorpay.domain.fraud.words_of_money import span

HOURS: Final = 24.0
HOUR_S: Final = 3600.0


def _judge(facts: FraudFacts, parameters: Parameters, _: Priors) -> Speaks | None:
    pace = facts.pace
    if pace.vendor_age_s is None or pace.org_age_s is None or not pace.others_days:
        return None
    # Where the organisation itself has just begun, all its vendors are new.
    if pace.vendor_age_s > parameters["days"] * DAY_S or pace.org_age_s < parameters["orgDaysMin"] * DAY_S:
        return None
    chance, seen, hours = min(
        (_chance(pace, counted, hours, parameters), seen, hours) for counted, seen, hours in _stretches(pace)
    )
    strength = evidence(surprise(chance) + parameters["priorDecades"])
    if seen < parameters["paymentsMin"] or strength <= 0 or chance > parameters["chanceMax"]:
        return None
    words = (
        f"{seen} payments within {span(hours * HOUR_S)} by a vendor known for {span(pace.vendor_age_s)}; of the other "
        f"vendors nine in ten bill up to {pace.others_busy_day or 0:.1f} a day."
    )
    return Speaks(strength, words)


def _stretches(pace: PaceFacts) -> list[tuple[int, int, float]]:
    """How many payments count, how many there are, and in how many hours; the whole life of the vendor among them,
    of which the first payment was to be."""
    counts = ((pace.last_hour + 1, 1.0), (pace.last_6h + 1, 6.0), (pace.last_24h + 1, HOURS))
    found = [(seen, seen, hours) for seen, hours in counts]
    life_h = (pace.vendor_age_s or 0.0) / HOUR_S
    if 1.0 < life_h < HOURS:
        found.append((pace.last_24h, pace.last_24h + 1, life_h))
    return found


def _chance(pace: PaceFacts, seen: int, hours: float, parameters: Parameters) -> float:
    """The chance that a vendor like one of the others, whichever, has so many in so many hours, and busy hours: the
    fewer hours, the busier they may be."""
    part = hours / HOURS * _rush(hours, parameters)
    quiet = pace.others - len(pace.others_days)  # quieter ones than those that are kept: at most as busy as the last
    tails = [as_many(seen, day * part) for day in pace.others_days]
    return min(1.0, (sum(tails) + quiet * tails[-1]) / pace.others)


def _rush(hours: float, parameters: Parameters) -> float:
    """How many times the day's mean an hour of a rush has, even on a scale of logarithms between the figures known."""
    one, six = parameters["rushTimes1h"], parameters["rushTimes6h"]
    if hours <= 6.0:
        return float(one * (six / one) ** (log(max(hours, 1.0)) / log(6.0)))
    return float(six ** (log(HOURS / hours) / log(HOURS / 6.0)))


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
        "paymentsMin": 3,
        "priorDecades": 1.75,
        "chanceMax": 0.05,
    },
    judge=_judge,
)
