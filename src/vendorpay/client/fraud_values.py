"""Fraud cases as the service shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from vendorpay.client.answers import Answered, Page
from vendorpay.client.payment_values import AuditLine, Payment


class FraudCase(Answered, frozen=True, kw_only=True, rename="camel"):
    """A case with its payment."""

    case_id: UUID
    payment_id: UUID
    status: str
    cause: str
    content_version: int
    opened_at: datetime
    audit_seq: int
    payment: Payment
    assignee: str | None = None
    assigned_at: datetime | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    reason_code: str | None = None
    vendor_blocked: bool = False
    decision_audit_seq: int | None = None


class FraudCaseView(FraudCase, frozen=True, kw_only=True, rename="camel"):
    """A case in the queue; `open_s` is for how many seconds it has waited, or had waited when it was decided."""

    open_s: int


class Finding(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One thing the score found."""

    code: str
    strength: float
    weight: float
    message: str


class FraudCaseInFull(FraudCaseView, frozen=True, kw_only=True, rename="camel"):
    """Everything that helps to decide."""

    findings: tuple[Finding, ...]
    twins: tuple[Payment, ...]
    history: tuple[AuditLine, ...]


class FraudCasePage(Page[FraudCaseView], frozen=True, kw_only=True, rename="camel"):
    """One page of the queue."""

    cases: tuple[FraudCaseView, ...]
    next_cursor: str | None


class FraudListing(Answered, frozen=True, kw_only=True, rename="camel"):
    """A vendor that is listed, by whom and until when."""

    listing_id: UUID
    vendor_id: UUID
    kind: str
    reason_code: str
    listed_by: str
    listed_at: datetime
    signal: str | None = None
    expires_at: datetime | None = None
    case_id: UUID | None = None
    confirmed_by: str | None = None
    confirmed_at: datetime | None = None
    ended_by: str | None = None
    ended_at: datetime | None = None


class FraudListingPage(Page[FraudListing], frozen=True, kw_only=True, rename="camel"):
    """One page of listings."""

    listings: tuple[FraudListing, ...]
    next_cursor: str | None


class FraudRuleSet(Answered, frozen=True, kw_only=True, rename="camel"):
    """A rule set with who brought it; `mode` is what it is used for now."""

    rule_set_id: UUID
    version: str
    proposed_by: str
    proposed_at: datetime
    document: dict[str, Any]
    mode: str | None = None


class FraudRuleSetPage(Page[FraudRuleSet], frozen=True, kw_only=True, rename="camel"):
    """One page of rule sets, newest first."""

    rule_sets: tuple[FraudRuleSet, ...]
    next_cursor: str | None = None
