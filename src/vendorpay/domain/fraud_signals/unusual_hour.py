"""At this hour the vendor hardly ever works."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.fraud.chance import surprise
from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.priors import Priors
from vendorpay.domain.fraud.signal import Parameters, Signal, Speaks, evidence


def _judge(facts: FraudFacts, parameters: Parameters, _: Priors) -> Speaks | None:
    share = facts.presence.vendor_hour
    if share is None or share > parameters["shareMax"]:
        return None
    words = (
        f"The work ended in hour {facts.presence.hour:02d} UTC; {share:.1%} of this vendor's last "
        f"{facts.pace.vendor_rows} payments are from hours as rare for it."
    )
    return Speaks(evidence(surprise(share)), words)


UNUSUAL_HOUR: Final = Signal(
    code="unusual_hour", family="presence", weight=0.3, parameters={"shareMax": 0.05}, judge=_judge
)
