"""The same person stands on both sides."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.priors import Priors
from vendorpay.domain.fraud.signal import Parameters, Signal, Speaks

_WORDS: Final = {
    "creator_is_vendor": "Whoever created the payment is the vendor that it goes to.",
    "creator_is_payee": "Whoever created the payment is the driver that it goes to.",
}


def _judge(facts: FraudFacts, parameters: Parameters, _: Priors) -> Speaks | None:
    people = facts.people
    if people.tie is not None:
        return Speaks(1.0, _WORDS[people.tie])
    creator = people.creator
    if creator is None or creator.rows < parameters["rowsMin"] or creator.vendors > 1:
        return None
    if not creator.with_vendor or facts.pace.vendor_rows <= creator.rows:
        return None  # Where one person creates all of a vendor's payments, that is how the work is shared out.
    words = (
        f"All of the last {creator.rows} payments that this person created are for this vendor; others bill for it too."
    )
    return Speaks(parameters["onlyVendorStrength"], words)


SELF_DEALING: Final = Signal(
    code="self_dealing",
    family="people",
    weight=0.75,
    parameters={"rowsMin": 20, "onlyVendorStrength": 0.2},
    judge=_judge,
)
