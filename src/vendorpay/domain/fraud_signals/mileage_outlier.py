"""The mileage is several times what is usual."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.fraud.chance import surprise
from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.priors import COMPARABLE_MIN, Priors
from vendorpay.domain.fraud.signal import Parameters, Signal, Speaks, evidence
from vendorpay.domain.fraud.words_of_money import money


def _judge(facts: FraudFacts, parameters: Parameters, _: Priors) -> Speaks | None:
    amount = facts.amount
    if not amount.mileage_cents:
        return None
    sides = [
        side
        for side in (amount.vendor_mileage, amount.peer_mileage, amount.peer_mileage_permille)
        if side is not None and side.usual.count >= COMPARABLE_MIN
    ]
    if not sides:
        return None
    # As unusual as the kindest of the comparisons finds it; that all agree makes it somewhat less likely still.
    chance = max(side.chance for side in sides)
    strength = evidence(surprise(chance) + parameters["agreementDecades"] * (len(sides) - 1))
    nearest = max(sides, key=lambda side: side.chance)
    if strength <= 0 or chance > parameters["chanceMax"]:
        return None
    usual = amount.vendor_mileage if nearest is amount.vendor_mileage else amount.peer_mileage
    if usual is None:
        return None
    whose = "this vendor's" if usual is amount.vendor_mileage else "the service type's"
    words = (
        f"A mileage of {money(amount.mileage_cents, facts.currency)} beside a base price of "
        f"{money(amount.base_cents or 0, facts.currency)}: of {whose} last {usual.usual.count} payments the median is "
        f"{money(usual.usual.median, facts.currency)}, and 98 % are up to {money(usual.usual.high, facts.currency)}."
    )
    return Speaks(strength, words)


MILEAGE_OUTLIER: Final = Signal(
    code="mileage_outlier",
    family="price",
    weight=0.95,
    parameters={"agreementDecades": 0.5, "chanceMax": 0.05},
    judge=_judge,
)
