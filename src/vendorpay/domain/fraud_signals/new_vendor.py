"""Little is known of the vendor yet."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.priors import Priors
from vendorpay.domain.fraud.signal import Parameters, Signal, Speaks
from vendorpay.domain.fraud.windows import DAY_S
from vendorpay.domain.fraud.words_of_money import counted, span


def _judge(facts: FraudFacts, parameters: Parameters, _: Priors) -> Speaks | None:
    pace = facts.pace
    if pace.vendor_age_s is None:
        return Speaks(1.0, "This is the first payment to the vendor.")
    by_age = 1.0 - pace.vendor_age_s / (parameters["days"] * DAY_S)
    by_rows = 1.0 - pace.vendor_rows / parameters["payments"]
    # In its first days a vendor is not known by having billed much.
    strength = min(by_age, by_rows) if pace.vendor_age_s > parameters["rowsTellDays"] * DAY_S else by_age
    if pace.org_age_s:  # Who was there nearly from the beginning is no newer than all of them.
        strength *= 1.0 - min(1.0, pace.vendor_age_s / pace.org_age_s)
    if strength <= 0:
        return None
    if pace.vendor_rows == 0:  # Others of the same moment or later were on record first.
        return Speaks(strength, "No earlier payment to the vendor is known.")
    words = f"The vendor is known for {span(pace.vendor_age_s)} only, by {counted(pace.vendor_rows, 'payment')}."
    return Speaks(strength, words)


NEW_VENDOR: Final = Signal(
    code="new_vendor",
    family="new vendor",
    weight=0.32,
    parameters={"days": 14, "payments": 25, "rowsTellDays": 2},
    judge=_judge,
)
