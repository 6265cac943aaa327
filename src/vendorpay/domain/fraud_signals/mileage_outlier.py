"""The mileage is several times what is usual, and nobody was away for as long as such a way takes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Final

from vendorpay.domain.fraud.amount_facts import Compared
from vendorpay.domain.fraud.chance import surprise
from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.priors import COMPARABLE_MIN, Priors
from vendorpay.domain.fraud.signal import Parameters, Signal, Speaks, evidence
from vendorpay.domain.fraud.way_facts import WayFacts
from vendorpay.domain.fraud.words_of_money import counted, minutes, money


def _judge(facts: FraudFacts, parameters: Parameters, _: Priors) -> Speaks | None:
    amount = facts.amount
    if not amount.mileage_cents:
        return None
    # As unusual as vendor and service type together find it, by the mileage itself and by its part of the price:
    # in some places a mile has its price, in others the mileage goes with the work.
    miles = _known(amount.vendor_mileage, amount.peer_mileage)
    parts = _known(amount.vendor_mileage_permille, amount.peer_mileage_permille)
    hours = _known(amount.vendor_mileage_by_hour, amount.peer_mileage_by_hour)
    decades = _decades((miles, parts), parameters) + _by_way(facts.way, parameters)
    if facts.way is None or facts.way.decades > 0:  # else it is told better that somebody was away for so long
        decades = max(decades, _decades((hours,), parameters))
    if decades < surprise(parameters["chanceMax"]):
        return None
    strength = evidence(decades + parameters["priorDecades"])
    usual = max(miles, key=lambda side: side.usual.median, default=amount.peer_mileage)
    if usual is None or amount.mileage_cents < parameters["timesMedianMin"] * usual.usual.median:
        return None
    whose = "this vendor's" if usual is amount.vendor_mileage else "the service type's"
    beside = "" if amount.base_cents is None else f" beside a base price of {money(amount.base_cents, facts.currency)}"
    words = (
        f"A mileage of {money(amount.mileage_cents, facts.currency)}{beside}: of {whose} last "
        f"{counted(usual.usual.count, 'payment')} the median is {money(usual.usual.median, facts.currency)}, and 98 % "
        f"are up to {money(usual.usual.high, facts.currency)}."
    )
    return Speaks(strength, words + _of_the_way(facts.way, facts.presence.duration_min))


def _of_the_way(way: WayFacts | None, duration_min: int | None) -> str:
    if way is None or way.decades <= 0:
        return ""
    billed = "less than one was" if not duration_min else "1 was" if duration_min == 1 else f"{duration_min} were"
    return f" So far a way takes this vendor about {minutes(way.expected_min)} in all; {billed} billed."


def _decades(sides: Sequence[Sequence[Compared]], parameters: Parameters) -> float:
    """How surprising the most surprising comparison is, with a part of the next one."""
    found = sorted((surprise(_between(side)) for side in sides if side), reverse=True)
    return found[0] + parameters["secondPart"] * sum(found[1:2]) if found else 0.0


def _by_way(way: WayFacts | None, parameters: Parameters) -> float:
    """What the duration adds: it took too little time for the way; or takes away: it took its time."""
    if way is None:
        return 0.0
    return way.decades * parameters["wayPart"]


def _known(*sides: Compared | None) -> list[Compared]:
    return [side for side in sides if side is not None and side.usual.count >= COMPARABLE_MIN]


def _between(sides: Sequence[Compared]) -> float:
    """The chance between those of the sides: the geometric mean, for the vendor's rows know best how far it drives, and
    the service type's how far one may."""
    return float(prod(side.chance for side in sides) ** (1 / len(sides)))


MILEAGE_OUTLIER: Final = Signal(
    code="mileage_outlier",
    family="price",
    weight=1.0,
    parameters={"secondPart": 0.25, "chanceMax": 0.02, "priorDecades": 0.25, "wayPart": 0.75, "timesMedianMin": 2.0},
    judge=_judge,
)
