"""How the payment came: by a request for it (api), by one for many (bulk), or by an event (event)."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.approval_rules.condition import Condition

SOURCE: Final = Condition(field="sources", met=lambda listed, facts: facts.source in listed)
