"""What the fraud score says. `unknown` while there is none: then nobody can approve anyway, but the rule is shown.

A rule is chosen before there is a score; what applies for each status is kept beside it (ChosenRule.by_fraud_status).
"""

from __future__ import annotations

from typing import Final

from vendorpay.domain.approval_rules.condition import Condition

UNKNOWN: Final = "unknown"
FRAUD_STATUSES: Final = ("low_risk", "medium_risk", "high_risk", "flagged")

FRAUD_STATUS: Final = Condition(
    field="fraud_statuses", met=lambda listed, facts: (facts.fraud_status or UNKNOWN) in listed
)
