"""The approval policy of an organisation: a document of ordered rules, of which the first that fits a payment applies.

A document is checked as a whole when it is proposed, with every fault named (`policy_faults`); so whatever is stored
finds a rule for every payment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from vendorpay.domain import parsing
from vendorpay.domain.approval_rule import AUTO_APPROVER, ChosenRule, Demand, Effect, Step
from vendorpay.domain.approval_rules.condition import RuleFacts
from vendorpay.domain.approval_rules.fraud_status import FRAUD_STATUSES
from vendorpay.domain.errors import FieldFault, InvalidRequest
from vendorpay.domain.policy_document import Policy, PolicyRule, When
from vendorpay.domain.policy_faults import faults_of

DEFAULT_VERSION: Final = 0
"""The version of the policy that applies where none was ever activated."""


def check(fields: Mapping[str, Any]) -> list[FieldFault]:
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
        automatic=any(demand.effect is Effect.AUTO_APPROVE for demand in (base, *others.values())),
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
