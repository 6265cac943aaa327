"""The vendor is one of a list; or is new: none of their payments was ever approved in this organisation."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.approval_rules.condition import Condition

LISTED: Final = Condition(field="vendors", met=lambda listed, facts: facts.vendor_id in listed, ready=frozenset)

NEW: Final = Condition(
    field="vendor_is_new",
    # Whoever is not known to be old is new.
    met=lambda wanted, facts: (facts.vendor_is_new is not False) is wanted,
)
