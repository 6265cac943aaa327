"""Several bills just under an amount from which more people have to say yes."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.fraud.chance import at_least, surprise
from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.priors import Priors
from vendorpay.domain.fraud.signal import Parameters, Signal, Speaks, evidence
from vendorpay.domain.fraud.words_of_money import money, share


def _judge(facts: FraudFacts, parameters: Parameters, _: Priors) -> Speaks | None:
    split = facts.split
    if split.limit_cents is None or split.usual is None or split.near < 1:
        return None
    chance = at_least(split.near + 1, split.recent + 1, min(1.0, max(split.usual, parameters["usualMin"])))
    strength = evidence(surprise(chance) + parameters["priorDecades"])
    if strength <= 0 or chance > parameters["chanceMax"]:
        return None
    words = (
        f"{split.near + 1} payments of this vendor within 72 hours lie just under "
        f"{money(split.limit_cents, facts.currency)}, together {money(split.near_total_cents, facts.currency)}; "
        f"usually {share(split.usual)} do."
    )
    return Speaks(strength, words)


SPLIT_BELOW_LIMIT: Final = Signal(
    code="split_below_limit",
    family="split",
    weight=1.0,
    parameters={"usualMin": 0.005, "priorDecades": 1.5, "chanceMax": 0.05},
    judge=_judge,
)
