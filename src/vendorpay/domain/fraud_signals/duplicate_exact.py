"""The same work was billed before: the same incident, or the same lines within days."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.fraud.chance import surprise
from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.priors import Priors
from vendorpay.domain.fraud.signal import Parameters, Signal, Speaks, evidence
from vendorpay.domain.fraud.words_of_money import money, span


def _judge(facts: FraudFacts, parameters: Parameters, _: Priors) -> Speaks | None:
    found = facts.duplicates
    if (twin := found.same_incident) is not None:
        words = (
            f"The vendor billed this incident before: payment {twin.payment_id} over "
            f"{money(twin.amount_cents, facts.currency)}, {span(twin.apart_s)} apart."
        )
        return Speaks(parameters["incidentStrength"], words)
    if (twin := found.same_photos) is not None:
        words = f"Photos of the same names came with payment {twin.payment_id}, {span(twin.apart_s)} apart."
        return Speaks(parameters["photosStrength"], words)
    if (twin := found.same_lines) is None:
        return None
    expected = found.same_lines_chance
    strength = (
        parameters["unknownStrength"]
        if expected is None
        else evidence(surprise(min(1.0, expected)) + parameters["priorDecades"])
    )
    if strength <= 0:
        return None
    words = (
        f"The same lines with the same prices as payment {twin.payment_id}, {span(twin.apart_s)} apart, for another "
        f"incident."
    )
    return Speaks(strength, words)


DUPLICATE_EXACT: Final = Signal(
    code="duplicate_exact",
    family="duplicate",
    weight=1.0,
    parameters={"incidentStrength": 0.95, "photosStrength": 0.85, "unknownStrength": 0.35, "priorDecades": 2.0},
    judge=_judge,
)
