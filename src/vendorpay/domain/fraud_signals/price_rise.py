"""The vendor's last payments all lie above what it used to bill."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.fraud.chance import surprise
from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.priors import Priors
from vendorpay.domain.fraud.signal import Parameters, Signal, Speaks, evidence


def _judge(facts: FraudFacts, parameters: Parameters, _: Priors) -> Speaks | None:
    series, own = facts.people.lately, facts.amount.level_permille
    if series is None or own is None or own < parameters["timesMin"] * 1000:
        return None
    strength = evidence(surprise(series.chance) - parameters["slackDecades"])
    if not series.goes_on(own) or series.dear_level < parameters["timesMin"] * 1000 or strength <= 0:
        return None
    words = (
        f"{series.dear} of the vendor's last {series.rows} payments lie at {series.dear_level / 1000:.2f} times its "
        f"usual prices; by the {series.compared} before them, what is dear begins at {series.bound / 1000:.2f} times."
    )
    return Speaks(strength, words)


PRICE_RISE: Final = Signal(
    code="price_rise", family="trend", weight=0.9, parameters={"timesMin": 1.2, "slackDecades": 1.5}, judge=_judge
)
