"""Approval policies and delegations as the service shows them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from vendorpay.client.answers import Answered, Page


class Step(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """So many people of a role, or of those named."""

    role: str | None = None
    people: tuple[str, ...] = ()
    quorum: int = 1


class Escalation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """After so many hours people of the role may stand in."""

    after_hours: int
    role: str = "admin"


class When(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a payment must meet."""

    min_amount_cents: int | None = None
    max_amount_cents: int | None = None
    currencies: tuple[str, ...] | None = None
    payer_types: tuple[str, ...] | None = None
    vendors: tuple[UUID, ...] | None = None
    vendor_is_new: bool | None = None
    service_types: tuple[str, ...] | None = None
    sources: tuple[str, ...] | None = None
    fraud_statuses: tuple[str, ...] | None = None
    creators: tuple[str, ...] | None = None


class PolicyRule(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which payments, and who must approve them."""

    name: str
    effect: str = "approvals"
    when: When = When()
    any_of: tuple[tuple[Step, ...], ...] = ()
    escalation: Escalation | None = None


class CumulativeLimit(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How much is approved at most in a period."""

    per: str
    period: str
    currency: str
    max_amount_cents: int


class PolicyDocument(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Ordered rules, of which the first that fits applies, and limits."""

    rules: tuple[PolicyRule, ...]
    limits: tuple[CumulativeLimit, ...] = ()


class PolicyVersion(Answered, frozen=True, kw_only=True, rename="camel"):
    """One version of the approval policy, with its document."""

    policy_id: UUID | None
    org_id: str
    version: int
    status: str
    document: PolicyDocument
    proposed_by: str | None
    proposed_at: datetime | None
    activated_by: str | None = None
    activated_at: datetime | None = None


class PolicyPage(Page[PolicyVersion], frozen=True, kw_only=True, rename="camel"):
    """Versions, newest first, and the one that applies."""

    policies: tuple[PolicyVersion, ...]
    active: PolicyVersion
    next_cursor: str | None = None


class Need(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a payment needs."""

    rule: str
    effect: str
    required_approvals: int


class Difference(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A payment that would need something else."""

    payment_id: UUID
    amount_cents: int
    currency: str
    now: Need
    then: Need


class RuleCount(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many payments a rule would apply to."""

    rule: str
    payments: int


class Simulation(Answered, frozen=True, kw_only=True, rename="camel"):
    """What the last payments would have needed."""

    active_version: int
    payments: int
    rules: tuple[RuleCount, ...]
    changed: int
    differences: tuple[Difference, ...]


class Delegation(Answered, frozen=True, kw_only=True, rename="camel"):
    """Who approves in whose name, and when."""

    delegation_id: UUID
    org_id: str
    delegator_id: str
    delegator_role: str
    delegate_id: str
    starts_at: datetime
    ends_at: datetime
    created_at: datetime
    ended_at: datetime | None = None
    ended_by: str | None = None


class DelegationPage(Page[Delegation], frozen=True, kw_only=True, rename="camel"):
    """Delegations, newest first."""

    delegations: tuple[Delegation, ...]
    next_cursor: str | None = None
