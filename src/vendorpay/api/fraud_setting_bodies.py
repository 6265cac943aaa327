"""The request bodies and queries of the operations on what people tell the scorer."""

from __future__ import annotations

from uuid import UUID

import msgspec

from vendorpay.api.queries import PageQuery
from vendorpay.domain import errors
from vendorpay.domain.errors import FieldFault
from vendorpay.domain.fraud import rule_set
from vendorpay.domain.fraud.rule_set import RuleSet
from vendorpay.domain.fraud_rule_sets import UseMode


class ListingsQuery(PageQuery, frozen=True, kw_only=True, rename="camel"):
    """Whose listings; all vendors' without one."""

    vendor_id: UUID | None = None


class RuleSetsQuery(PageQuery, frozen=True, kw_only=True, rename="camel"):
    """Which page of the rule sets."""


class UseBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What the rule set is for from now on."""

    mode: UseMode


def read_rule_set(raw: bytes) -> tuple[RuleSet | None, list[FieldFault]]:
    """A rule set, or every fault of it. Raises MalformedJson."""
    try:
        found = rule_set.read(raw)
    except errors.InvalidRequest as invalid:
        return None, list(invalid.faults)
    faults = [
        FieldFault(f"priors[{number}].serviceType", "contains a character that is not allowed")
        for number, prior in enumerate(found.priors)
        if "\x00" in prior.service_type  # PostgreSQL refuses it
    ]
    return (None, faults) if faults else (found, [])
