"""With one driver or creator the vendor bills more than with others."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.fraud.chance import surprise, together
from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.priors import Priors
from vendorpay.domain.fraud.signal import Parameters, Signal, Speaks, evidence


def _judge(facts: FraudFacts, parameters: Parameters, _: Priors) -> Speaks | None:
    own, least = facts.amount.level_permille, parameters["timesMin"] * 1000
    sides = [
        (series, who)
        for series, who in ((facts.people.with_creator, "creator"), (facts.people.with_driver, "driver"))
        if series is not None
        and series.dear >= parameters["dearMin"]  # one dear payment is no series
        and series.dear_level >= least
        and own is not None
        and series.belongs(own)
    ]
    if not sides or own is None or own < least:
        return None
    series, who = min(sides, key=lambda side: side[0].chance * side[0].crowd)
    # That they are dear, that they come thick, and that this one is dear: three things that need not go together.
    own_chance = 1.0 if facts.amount.level is None else facts.amount.level.chance
    strength = evidence(surprise(together((series.chance, series.crowd, own_chance))) + parameters["priorDecades"])
    words = (
        f"{series.dear} of the vendor's last {series.rows} payments with the same {who} lie at "
        f"{series.dear_level / 1000:.2f} times its usual prices; by {series.compared} with others, what is dear begins "
        f"at {series.bound / 1000:.2f} times."
    )
    return Speaks(strength, words) if strength > 0 else None


COLLUSION: Final = Signal(
    code="collusion",
    family="trend",
    weight=0.9,
    parameters={"timesMin": 1.2, "dearMin": 2, "priorDecades": 0.1},
    judge=_judge,
)
