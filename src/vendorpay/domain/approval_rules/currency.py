"""The payment is in one of these currencies."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.approval_rules.condition import Condition

CURRENCY: Final = Condition(field="currencies", met=lambda listed, facts: facts.currency in listed)
