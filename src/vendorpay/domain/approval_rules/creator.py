"""Who asked for the payment, by their `sub`."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.approval_rules.condition import Condition

CREATOR: Final = Condition(field="creators", met=lambda listed, facts: facts.created_by in listed, ready=frozenset)
