"""At this hour the vendor hardly ever works."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.fraud.chance import surprise
from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.priors import Priors
from vendorpay.domain.fraud.signal import Parameters, Signal, Speaks, evidence
from vendorpay.domain.fraud.words_of_money import share


def _judge(facts: FraudFacts, parameters: Parameters, _: Priors) -> Speaks | None:
    rare = facts.presence.vendor_hour
    if rare is None or rare > parameters["shareMax"]:
        return None
    words = (
        f"The work ended in hour {facts.presence.hour:02d} UTC; of this vendor's last {facts.pace.vendor_rows} "
        f"payments {share(rare)} are from hours as rare for it."
    )
    return Speaks(evidence(surprise(rare)), words)


UNUSUAL_HOUR: Final = Signal(
    code="unusual_hour", family="presence", weight=0.3, parameters={"shareMax": 0.05}, judge=_judge
)
