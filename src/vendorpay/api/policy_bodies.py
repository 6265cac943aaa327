"""The shapes of the operations on approval policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from vendorpay.api.queries import PageQuery
from vendorpay.domain.errors import FieldFault
from vendorpay.domain.policy_document import Policy
from vendorpay.domain.policy_faults import faults_of
from vendorpay.domain.text import Notes
from vendorpay.usecases.simulate_policy import Last

LAST_DEFAULT = 200


class ProposalBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The policy that is to be, and why."""

    document: Policy
    notes: Notes | None = None


class SimulationBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The policy that might be, and on how many of the last payments it is tried."""

    document: Policy
    last: Last = LAST_DEFAULT


class PoliciesQuery(PageQuery, frozen=True, kw_only=True, rename="camel"):
    """Which page of the versions."""


class DelegationsQuery(PageQuery, frozen=True, kw_only=True, rename="camel"):
    """Which page of the delegations."""


def check_document(fields: Mapping[str, Any]) -> list[FieldFault]:
    """What the types of a policy cannot tell, named where it is."""
    document = fields.get("document")
    if document is None:
        return []
    found = faults_of(document.rules, document.limits)
    return [FieldFault(f"document.{fault.field}", fault.message) for fault in found]
