"""With one driver or creator the vendor bills more than with others."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.fraud.chance import surprise
from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.priors import Priors
from vendorpay.domain.fraud.signal import Parameters, Signal, Speaks, evidence


def _judge(facts: FraudFacts, parameters: Parameters, _: Priors) -> Speaks | None:
    series = facts.people.with_person
    if series is None or series.rows < parameters["rowsMin"]:
        return None
    times = series.level / max(series.reference, 1e-6)
    strength = evidence(surprise(series.chance) - parameters["slackDecades"])
    if times < parameters["timesMin"] or strength <= 0:
        return None
    words = (
        f"The vendor's last {series.rows} payments with this person lie at {times:.2f} times its {series.compared} "
        "with others for the same services."
    )
    return Speaks(strength, words)


COLLUSION: Final = Signal(
    code="collusion",
    family="people",
    weight=0.95,
    parameters={"rowsMin": 2, "timesMin": 1.15, "slackDecades": 0.0},
    judge=_judge,
)
