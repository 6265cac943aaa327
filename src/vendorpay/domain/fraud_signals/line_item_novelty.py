"""A charge that this vendor never billed before."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.priors import Priors
from vendorpay.domain.fraud.signal import Parameters, Signal, Speaks, ramp


def _judge(facts: FraudFacts, parameters: Parameters, _: Priors) -> Speaks | None:
    habits = facts.habits
    if not habits.new_charges or habits.rows < parameters["rowsMin"]:
        return None
    # A vendor with many kinds of charges has a new one now and then.
    strength = 1.0 - ramp(habits.known_charges / habits.rows, 0.0, parameters["knownPerRowMax"])
    if strength <= 0:
        return None
    named = ", ".join(habits.new_charges[:3])
    words = f"None of the vendor's last {habits.rows} payments has a charge like: {named}."
    return Speaks(strength, words)


LINE_ITEM_NOVELTY: Final = Signal(
    code="line_item_novelty",
    family="line items",
    weight=0.12,
    parameters={"rowsMin": 20, "knownPerRowMax": 0.5},
    judge=_judge,
)
