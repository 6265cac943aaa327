"""The document that an approval policy is: ordered rules and limits, as msgspec checks them.

What its types cannot tell is found by `policy_faults`; what a document means stands in `policy`.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from vendorpay.domain.approval_rule import (
    ALTERNATIVES_MAX,
    Alternative,
    CumulativeLimit,
    CurrencyCode,
    Effect,
    Escalation,
    Source,
)
from vendorpay.domain.approval_rules import RULES
from vendorpay.domain.approval_rules.condition import Condition, RuleFacts
from vendorpay.domain.money import AMOUNT_MAX
from vendorpay.domain.payment import PayerType
from vendorpay.domain.text import Line

RULES_MAX: Final = 50
LIMITS_MAX: Final = 20
LISTED_MAX: Final = 500
"""Entries of one list in a condition."""

Amount = Annotated[int, Meta(ge=1, le=AMOUNT_MAX)]
_Some = Meta(min_length=1, max_length=LISTED_MAX)


class When(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """What a payment must meet, all of it; each field is a condition of `approval_rules`."""

    min_amount_cents: Amount | None = None
    max_amount_cents: Amount | None = None
    currencies: Annotated[tuple[CurrencyCode, ...], _Some] | None = None
    payer_types: Annotated[tuple[PayerType, ...], _Some] | None = None
    vendors: Annotated[tuple[UUID, ...], _Some] | None = None
    vendor_is_new: bool | None = None
    service_types: Annotated[tuple[Line, ...], _Some] | None = None
    sources: Annotated[tuple[Source, ...], _Some] | None = None
    fraud_statuses: (
        Annotated[tuple[Literal["unknown", "low_risk", "medium_risk", "high_risk", "flagged"], ...], _Some] | None
    ) = None
    creators: Annotated[tuple[Line, ...], _Some] | None = None

    def met(self, facts: RuleFacts) -> bool:
        """Whether a payment meets every condition that is given."""
        return all(condition.met(wanted, facts) for condition, wanted in self.asked())

    def asked(self) -> list[tuple[Condition, Any]]:
        """The conditions that are given, each with what makes it ready."""
        given = ((condition, getattr(self, condition.field)) for condition in RULES)
        return [(condition, condition.ready(wanted)) for condition, wanted in given if wanted is not None]


class PolicyRule(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True
):
    """Which payments, and what is done with them. `any_of` are the alternatives, each a list of steps."""

    name: Line
    effect: Effect = Effect.APPROVALS
    when: When = When()
    any_of: Annotated[tuple[Alternative, ...], Meta(max_length=ALTERNATIVES_MAX)] = ()
    escalation: Escalation | None = None


class Policy(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """The document. The last rule has no conditions, so that every payment has its rule."""

    rules: Annotated[tuple[PolicyRule, ...], Meta(min_length=1, max_length=RULES_MAX)]
    limits: Annotated[tuple[CumulativeLimit, ...], Meta(max_length=LIMITS_MAX)] = ()

    @property
    def asks_for_history(self) -> bool:
        """Whether a rule asks if the vendor is new."""
        return any(rule.when.vendor_is_new is not None for rule in self.rules)

    @property
    def asks_for_fraud(self) -> bool:
        """Whether a rule asks for the fraud score."""
        return any(rule.when.fraud_statuses is not None for rule in self.rules)
