"""The account that the money goes to changed a short while ago."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.priors import Priors
from vendorpay.domain.fraud.signal import Parameters, Signal, Speaks
from vendorpay.domain.fraud.windows import DAY_S
from vendorpay.domain.fraud.words_of_money import span


def _judge(facts: FraudFacts, parameters: Parameters, _: Priors) -> Speaks | None:
    age_s = facts.habits.account_age_s
    if age_s is None or age_s >= parameters["days"] * DAY_S:
        return None
    strength = 1.0 - age_s / (parameters["days"] * DAY_S)
    return Speaks(strength, f"The vendor's payee account changed {span(age_s)} before the work.")


PAYEE_ACCOUNT_RECENTLY_CHANGED: Final = Signal(
    code="payee_account_recently_changed", family="account", weight=0.5, parameters={"days": 14}, judge=_judge
)
