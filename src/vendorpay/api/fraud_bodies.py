"""The request bodies and queries of the operations on fraud cases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from vendorpay.api.queries import PageQuery
from vendorpay.domain.errors import FieldFault
from vendorpay.domain.fraud_cases import CaseReason, CaseStatus, Decision
from vendorpay.domain.text import NO_CONTROL, Notes

Person = Annotated[str, Meta(min_length=1, max_length=255, pattern=NO_CONTROL, description="Somebody's `sub`.")]
CaseNotes = Annotated[str, Meta(min_length=1, max_length=2000, pattern=r"^[^\x00]*[^\s\x00][^\x00]*\Z")]


class CasesQuery(PageQuery, frozen=True, kw_only=True, rename="camel"):
    """Which cases; every filter that is given must fit."""

    status: CaseStatus | None = None
    assignee: Person | None = None


class DecideCaseBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What the case was found to be, and why. A vendor is blocked with fraud that is confirmed only."""

    decision: Decision
    reason_code: CaseReason
    notes: Notes | None = None
    block_vendor: bool = False


class AssignCaseBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Who is to look at it; null for nobody."""

    assignee: Person | None


class CaseNotesBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What was found out."""

    notes: CaseNotes


def check_decision(fields: Mapping[str, Any]) -> list[FieldFault]:
    """Blocking the vendor of a payment that was found to be in order."""
    if fields.get("block_vendor") and fields.get("decision") is Decision.CLEARED:
        return [FieldFault("blockVendor", "goes with decision confirmed only")]
    return []
