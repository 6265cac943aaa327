"""The vendor's last payments all lie above what it used to bill."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.fraud.chance import surprise
from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.priors import Priors
from vendorpay.domain.fraud.signal import Parameters, Signal, Speaks, evidence


def _judge(facts: FraudFacts, parameters: Parameters, _: Priors) -> Speaks | None:
    series = facts.people.lately
    if series is None or series.rows < parameters["rowsMin"]:
        return None
    times = series.level / max(series.reference, 1e-6)
    strength = evidence(surprise(series.chance) - parameters["slackDecades"])
    if times < parameters["timesMin"] or strength <= 0:
        return None
    words = (
        f"The vendor's last {series.rows} payments lie at {times:.2f} times what its {series.compared} before them "
        "did for the same services."
    )
    return Speaks(strength, words)


PRICE_RISE: Final = Signal(
    code="price_rise",
    family="price",
    weight=0.9,
    parameters={"rowsMin": 3, "timesMin": 1.2, "slackDecades": 0.5},
    judge=_judge,
)
