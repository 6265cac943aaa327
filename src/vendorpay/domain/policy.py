"""The approval policy of an organisation: a document of ordered rules, of which the first that fits a payment applies.

A document is checked as a whole when it is proposed, with every fault named (`policy_faults`); so whatever is stored
finds a rule for every payment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from vendorpay.domain import parsing
from vendorpay.domain.approval_rule import (
    ALTERNATIVES_MAX,
    AUTO_APPROVER,
    Alternative,
    ChosenRule,
    CumulativeLimit,
    CurrencyCode,
    Demand,
    Effect,
    Escalation,
    Source,
    Step,
)
from vendorpay.domain.approval_rules import RULES
from vendorpay.domain.approval_rules.condition import RuleFacts
from vendorpay.domain.approval_rules.fraud_status import FRAUD_STATUSES
from vendorpay.domain.errors import InvalidRequest
from vendorpay.domain.money import AMOUNT_MAX
from vendorpay.domain.payment import PayerType
from vendorpay.domain.policy_faults import faults_of
from vendorpay.domain.text import Line

RULES_MAX: Final = 50
LIMITS_MAX: Final = 20
LISTED_MAX: Final = 500
"""Entries of one list in a condition."""

DEFAULT_VERSION: Final = 0
"""The version of the policy that applies where none was ever activated."""

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
        asked = ((rule, getattr(self, rule.field)) for rule in RULES)
        return all(rule.met(wanted, facts) for rule, wanted in asked if wanted is not None)


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


def check(fields: Mapping[str, Any]) -> list[Any]:
    """The faults across the fields of a Policy, for `parsing.parse`."""
    return faults_of(fields.get("rules", ()), fields.get("limits", ()))


def read(document: bytes) -> Policy:
    """The policy in a document. Raises InvalidRequest with every fault, or MalformedJson."""
    policy, faults = parsing.parse(document, Policy, check)
    if policy is None:
        raise InvalidRequest(faults)
    return policy


def choose(policy: Policy, version: int, facts: RuleFacts) -> ChosenRule:
    """What applies to a payment: the first rule that it meets, and what would be another with a score."""
    base = _demand(policy, facts)
    others: dict[str, Demand] = {}
    if policy.asks_for_fraud:
        for status in FRAUD_STATUSES:
            demand = _demand(policy, msgspec.structs.replace(facts, fraud_status=status))
            if demand != base:
                others[status] = demand
    limits = tuple(limit for limit in policy.limits if limit.currency == facts.currency)
    return ChosenRule(
        **msgspec.structs.asdict(base),
        version=version,
        source=facts.source,
        vendor_is_new=facts.vendor_is_new,
        limits=limits,
        by_fraud_status=others,
    )


def _demand(policy: Policy, facts: RuleFacts) -> Demand:
    rule = next(rule for rule in policy.rules if rule.when.met(facts))
    any_of = AUTOMATIC if rule.effect is Effect.AUTO_APPROVE else rule.any_of
    return Demand(rule=rule.name, effect=rule.effect, any_of=any_of, escalation=rule.escalation)


_ANYBODY: Final = Step(role="dispatcher")

AUTOMATIC: Final[tuple[tuple[Step, ...], ...]] = ((Step(people=(AUTO_APPROVER,)),), (_ANYBODY,))
"""What `auto_approve` asks for: the service itself, or any person who is faster."""

DEFAULT: Final = Policy(
    rules=(
        PolicyRule(
            name="up to 1,000.00",
            when=When(currencies=("USD",), max_amount_cents=1_000_00),
            any_of=((_ANYBODY,),),
        ),
        PolicyRule(
            name="up to 10,000.00",
            when=When(currencies=("USD",), max_amount_cents=10_000_00),
            any_of=((Step(role="dispatcher", quorum=2),), (Step(role="admin"),)),
        ),
        PolicyRule(name="above, or in another currency", any_of=((Step(role="admin"), _ANYBODY),)),
    )
)
"""What applies where nothing else was activated: nothing is approved without a person. (That a flagged payment waits
for its case is no rule of a policy: the fraud gate holds for all of them.)"""

_stored = msgspec.json.Decoder(Policy)


def stored(document: str) -> Policy:
    """A policy that was checked before it was stored."""
    return _stored.decode(document)
