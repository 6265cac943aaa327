"""The mileage is several times what is usual."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Final

from vendorpay.domain.fraud.amount_facts import Compared
from vendorpay.domain.fraud.chance import surprise
from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.priors import COMPARABLE_MIN, Priors
from vendorpay.domain.fraud.signal import Parameters, Signal, Speaks, evidence
from vendorpay.domain.fraud.words_of_money import money


def _judge(facts: FraudFacts, parameters: Parameters, _: Priors) -> Speaks | None:
    amount = facts.amount
    if not amount.mileage_cents:
        return None
    # As unusual as vendor and service type together find it, by the mileage itself and by its part of the price:
    # in some places a mile has its price, in others the mileage goes with the work.
    miles = _known(amount.vendor_mileage, amount.peer_mileage)
    parts = _known(amount.vendor_mileage_permille, amount.peer_mileage_permille)
    found = sorted(_between(sides) for sides in (miles, parts) if sides)
    if not found or found[0] > parameters["chanceMax"]:
        return None
    both = parameters["secondPart"] * surprise(found[1]) if len(found) > 1 else 0.0
    strength = evidence(surprise(found[0]) + both)
    usual = max(miles, key=lambda side: side.usual.median, default=amount.peer_mileage)
    if usual is None or amount.mileage_cents < parameters["timesMedianMin"] * usual.usual.median:
        return None
    whose = "this vendor's" if usual is amount.vendor_mileage else "the service type's"
    words = (
        f"A mileage of {money(amount.mileage_cents, facts.currency)} beside a base price of "
        f"{money(amount.base_cents or 0, facts.currency)}: of {whose} last {usual.usual.count} payments the median is "
        f"{money(usual.usual.median, facts.currency)}, and 98 % are up to {money(usual.usual.high, facts.currency)}."
    )
    return Speaks(strength, words)


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
    parameters={"secondPart": 0.25, "chanceMax": 0.02, "timesMedianMin": 2.0},
    judge=_judge,
)
