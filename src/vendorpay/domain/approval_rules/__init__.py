"""What a rule of a policy may ask of a payment: one file for each condition, and the table of them.

A new condition is a file here, a row in RULES, and a field of `policy.When`; a test sees that the two agree.
"""

from __future__ import annotations

from typing import Final

from vendorpay.domain.approval_rules.amount import AT_LEAST, AT_MOST
from vendorpay.domain.approval_rules.condition import Condition
from vendorpay.domain.approval_rules.creator import CREATOR
from vendorpay.domain.approval_rules.currency import CURRENCY
from vendorpay.domain.approval_rules.fraud_status import FRAUD_STATUS
from vendorpay.domain.approval_rules.payer_type import PAYER_TYPE
from vendorpay.domain.approval_rules.service_type import SERVICE_TYPE
from vendorpay.domain.approval_rules.source import SOURCE
from vendorpay.domain.approval_rules.vendor import LISTED, NEW

RULES: Final[tuple[Condition, ...]] = (
    *(AT_LEAST, AT_MOST, CURRENCY, PAYER_TYPE, LISTED, NEW, SERVICE_TYPE, SOURCE, FRAUD_STATUS, CREATOR),
)
