"""A round sum, where sums are hardly ever round."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.priors import Priors
from vendorpay.domain.fraud.signal import Parameters, Signal, Speaks, ramp
from vendorpay.domain.fraud.words_of_money import money, share


def _judge(facts: FraudFacts, parameters: Parameters, _: Priors) -> Speaks | None:
    habits = facts.habits
    if not habits.is_round or habits.round_share is None:
        return None
    strength = 1.0 - ramp(habits.round_share, 0.0, parameters["shareMax"])
    if strength <= 0:
        return None
    words = (
        f"{money(facts.amount.amount_cents, facts.currency)} is a whole number of hundreds; of comparable payments "
        f"{share(habits.round_share)} are."
    )
    return Speaks(strength, words)


ROUND_AMOUNT: Final = Signal(
    code="round_amount", family="round amount", weight=0.08, parameters={"shareMax": 0.03}, judge=_judge
)
