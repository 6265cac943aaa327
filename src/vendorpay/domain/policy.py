"""The approval policy of an organisation: a document of ordered rules, of which the first that fits a payment applies.

A document is checked as a whole when it is proposed, with every fault named (`policy_faults`); so whatever is stored
finds a rule for every payment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from vendorpay.domain import parsing
from vendorpay.domain.approval_rule import AUTO_APPROVER, ChosenRule, Demand, Effect, Step
from vendorpay.domain.approval_rules.condition import RuleFacts
from vendorpay.domain.approval_rules.fraud_status import FRAUD_STATUS, FRAUD_STATUSES
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


class _Ready:
    """A rule with its conditions made ready; that about the score apart, for it is asked for each status."""

    def __init__(self, rule: PolicyRule) -> None:
        asked = rule.when.asked()
        self._others = [one for one in asked if one[0] is not FRAUD_STATUS]
        self._score = [one for one in asked if one[0] is FRAUD_STATUS]
        any_of = AUTOMATIC if rule.effect is Effect.AUTO_APPROVE else rule.any_of
        self.demand = Demand(rule=rule.name, effect=rule.effect, any_of=any_of, escalation=rule.escalation)

    def may_apply(self, facts: RuleFacts) -> bool:
        """Whether all but its score fits."""
        return all(condition.met(wanted, facts) for condition, wanted in self._others)

    def applies_with(self, facts: RuleFacts) -> bool:
        """Whether its score fits as well."""
        return all(condition.met(wanted, facts) for condition, wanted in self._score)


class Chooser:
    """A policy that is asked about many payments: what takes long is done once."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._rules = [_Ready(rule) for rule in policy.rules]

    def choose(self, version: int, facts: RuleFacts) -> ChosenRule:
        """What applies to a payment: the first rule that it meets, and what would be another with a score."""
        fitting = [rule for rule in self._rules if rule.may_apply(facts)]
        base = _first(fitting, facts)
        others: dict[str, Demand] = {}
        for status in FRAUD_STATUSES if self._policy.asks_for_fraud else ():
            demand = _first(fitting, msgspec.structs.replace(facts, fraud_status=status))
            if demand != base:
                others[status] = demand
        return ChosenRule(
            **msgspec.structs.asdict(base),
            version=version,
            source=facts.source,
            vendor_is_new=facts.vendor_is_new,
            limits=tuple(limit for limit in self._policy.limits if limit.currency == facts.currency),
            by_fraud_status=others,
            automatic=any(demand.effect is Effect.AUTO_APPROVE for demand in (base, *others.values())),
        )


def _first(fitting: Sequence[_Ready], facts: RuleFacts) -> Demand:
    return next(rule.demand for rule in fitting if rule.applies_with(facts))


def choose(policy: Policy, version: int, facts: RuleFacts) -> ChosenRule:
    """What applies to one payment alone."""
    return Chooser(policy).choose(version, facts)


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
