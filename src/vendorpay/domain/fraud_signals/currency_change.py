"""The vendor bills in another currency than it does."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.priors import Priors
from vendorpay.domain.fraud.signal import Parameters, Signal, Speaks, ramp
from vendorpay.domain.fraud.words_of_money import share


def _judge(facts: FraudFacts, parameters: Parameters, _: Priors) -> Speaks | None:
    habits = facts.habits
    if habits.currency_share is None or habits.rows < parameters["rowsMin"]:
        return None
    strength = 1.0 - ramp(habits.currency_share, 0.0, parameters["shareMax"])
    if strength <= 0:
        return None
    words = (
        f"Of the vendor's last {habits.rows} payments {share(habits.currency_share)} are in {facts.currency}; most are "
        f"in {habits.main_currency}."
    )
    return Speaks(strength, words)


CURRENCY_CHANGE: Final = Signal(
    code="currency_change",
    family="currency",
    weight=0.3,
    parameters={"rowsMin": 10, "shareMax": 0.05},
    judge=_judge,
)
