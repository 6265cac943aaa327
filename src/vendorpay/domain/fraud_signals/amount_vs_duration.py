"""Much money for little time."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.fraud.chance import surprise
from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.priors import COMPARABLE_MIN, Priors
from vendorpay.domain.fraud.signal import Parameters, Signal, Speaks, evidence
from vendorpay.domain.fraud.words_of_money import minutes, money


def _judge(facts: FraudFacts, parameters: Parameters, _: Priors) -> Speaks | None:
    presence = facts.presence
    dear = presence.peer_cents_per_min
    if dear is None or presence.cents_per_min is None or dear.usual.count < COMPARABLE_MIN:
        return None
    if dear.chance > parameters["chanceMax"]:
        return None
    strength = evidence(surprise(dear.chance))
    words = (
        f"{money(facts.amount.amount_cents, facts.currency)} for {minutes(presence.duration_min or 0)} is "
        f"{money(presence.cents_per_min, facts.currency)} a minute; of the last {dear.usual.count} such payments 98 % "
        f"cost up to {money(dear.usual.high, facts.currency)}."
    )
    return Speaks(strength, words)


AMOUNT_VS_DURATION: Final = Signal(
    code="amount_vs_duration", family="presence", weight=0.6, parameters={"chanceMax": 0.02}, judge=_judge
)
