"""The work was of one of these kinds, as `metadata.serviceType` says; letters large or small."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vendorpay.domain.approval_rules.condition import Condition, RuleFacts


def _met(listed: frozenset[str], facts: RuleFacts) -> bool:
    return facts.service_type is not None and facts.service_type.casefold() in listed


def _ready(listed: Sequence[str]) -> frozenset[str]:
    return frozenset(name.casefold() for name in listed)


SERVICE_TYPE: Final = Condition(field="service_types", met=_met, ready=_ready)
