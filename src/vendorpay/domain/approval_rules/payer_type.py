"""Who pays. A driver's payment takes no approval whatever the rule says, but it can be held."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.approval_rules.condition import Condition

PAYER_TYPE: Final = Condition(field="payer_types", met=lambda listed, facts: facts.payer_type in listed)
