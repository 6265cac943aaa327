"""Something very like it was billed days ago for another incident."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.fraud.chance import surprise
from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.priors import Priors
from vendorpay.domain.fraud.signal import Parameters, Signal, Speaks, evidence
from vendorpay.domain.fraud.words_of_money import money, once_in, span


def _judge(facts: FraudFacts, parameters: Parameters, _: Priors) -> Speaks | None:
    found = facts.duplicates
    if found.alike is None or found.alike_chance is None:
        return None
    strength = evidence(surprise(found.alike_chance) + parameters["priorDecades"])
    if strength <= 0 or found.alike_chance > parameters["chanceMax"]:
        return None
    alike = f", alike in {', '.join(found.alike_in)}" if found.alike_in else ""
    words = (
        f"Payment {found.alike.payment_id} over {money(found.alike.amount_cents, facts.currency)}, "
        f"{span(found.alike.apart_s)} apart, is for another incident{alike}: by chance that is to be expected "
        f"{once_in(found.alike_chance)} times."
    )
    return Speaks(strength, words)


DUPLICATE_FUZZY: Final = Signal(
    code="duplicate_fuzzy",
    family="duplicate",
    weight=1.0,
    parameters={"priorDecades": 1.1, "chanceMax": 0.05},
    judge=_judge,
)
