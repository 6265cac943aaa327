"""The shapes of the operations on approval policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from vendorpay.api.operation import ReadRaw
from vendorpay.api.queries import PageQuery
from vendorpay.domain import parsing
from vendorpay.domain.errors import FieldFault
from vendorpay.domain.parsing import Rules
from vendorpay.domain.policy_document import Policy
from vendorpay.domain.policy_faults import faults_of, of_sound_parts
from vendorpay.domain.text import Notes
from vendorpay.usecases.simulate_policy import Last

LAST_DEFAULT = 200
DEFAULT = "default"
Earlier = Annotated[str, Meta(pattern=rf"^({DEFAULT}|[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})\Z")]
T = TypeVar("T", bound=msgspec.Struct)


class ProposalBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The policy that is to be, and why; or with `again` that of an earlier version: its id, or `default`."""

    document: Policy | None = None
    again: Earlier | None = None
    notes: Notes | None = None


class SimulationBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The policy that might be, and on how many of the last payments it is tried."""

    document: Policy
    last: Last = LAST_DEFAULT


class PoliciesQuery(PageQuery, frozen=True, kw_only=True, rename="camel"):
    """Which page of the versions."""


class DelegationsQuery(PageQuery, frozen=True, kw_only=True, rename="camel"):
    """Which page of the delegations."""


def check_proposal(fields: Mapping[str, Any]) -> list[FieldFault]:
    """The same of a proposal, which has either a document or says whose to take again."""
    if {"document", "again"} <= fields.keys() and (fields["document"] is None) == (fields["again"] is None):
        return [FieldFault("document", "is to be given, or again: one of the two")]
    return check_document(fields)


def read_with_document(shape: type[T], check: Rules) -> ReadRaw:
    """Reads a body with a policy in it: of a document that its types refuse, all other faults are named as well."""

    def read(raw: bytes) -> tuple[T | None, list[FieldFault]]:
        found, faults = parsing.parse(raw, shape, check)
        if found is None and any(fault.field.startswith("document.") for fault in faults):
            named = {(fault.field, fault.message) for fault in faults}
            more = _in_document(of_sound_parts(parsing.decode(raw)["document"]))
            faults += [fault for fault in more if (fault.field, fault.message) not in named]
        return found, faults[: parsing.FAULTS_MAX]

    return read


def check_document(fields: Mapping[str, Any]) -> list[FieldFault]:
    """What the types of a policy cannot tell, named where it is."""
    document = fields.get("document")
    if document is None:
        return []
    return _in_document(faults_of(document.rules, document.limits))


def _in_document(found: list[FieldFault]) -> list[FieldFault]:
    return [FieldFault(f"document.{fault.field}", fault.message) for fault in found]
