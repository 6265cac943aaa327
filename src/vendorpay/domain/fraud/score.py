"""From facts to a score: a noisy-or of what the signals say (Pearl, Probabilistic Reasoning in Intelligent Systems,
1988, section 4.3.2): each family of signals is a cause that alone would make the payment false with the probability
weight x strength, and the score is the probability that at least one of them does.

A signal that measures how rare something is turns that into its strength by `evidence`, under which the noisy-or adds
up powers of ten: two things that are one in a thousand weigh as much as one that is one in a million, less a tithe.

The families of PATTERNS are ways to cheat, and a payment is hardly ever of two of them: a copy has no reason to be
dear. So the weightiest counts in full and the others in part; what surrounds a payment (who, since when, to which
account) makes each of them likelier and counts in full beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.finding import Assessment, Finding
from vendorpay.domain.fraud.rule_set import RuleSet
from vendorpay.domain.fraud_signals import SIGNALS

NOBODY: frozenset[str] = frozenset()
PATTERNS: Final = frozenset({"price", "trend", "duplicate", "pace", "split", "presence"})
OTHER_PATTERN: Final = 0.35
"""Which part of its powers of ten a pattern counts beside a weightier one."""


def assess(facts: FraudFacts, rule_set: RuleSet, snoozed: Collection[str] = NOBODY) -> Assessment:
    """The score of one payment and why, leaving out the signals whose codes are snoozed for its vendor."""
    findings: list[Finding] = []
    families: dict[str, float] = {}
    for signal in SIGNALS:
        weight = rule_set.weight(signal)
        if not weight or signal.code in snoozed:
            continue
        said = signal.judge(facts, rule_set.parameters(signal), rule_set)
        if said is None or said.strength <= 0:
            continue
        strength = min(1.0, said.strength)
        findings.append(Finding(code=signal.code, strength=round(strength, 4), weight=weight, message=said.message))
        families[signal.family] = max(families.get(signal.family, 0.0), weight * strength)
    score = round(1.0 - honest_left(families), 2)
    findings.sort(key=lambda finding: -finding.weight * finding.strength)
    return Assessment(
        score=score, status=rule_set.status(score), findings=tuple(findings), rule_set_version=rule_set.version
    )


def honest_left(families: Mapping[str, float]) -> float:
    """The chance that nothing is wrong, by what each family says alone (weight x strength)."""
    likeliest = max(families, key=lambda family: families[family] if family in PATTERNS else 0.0, default=None)
    honest = 1.0
    for family, chance in families.items():
        part = OTHER_PATTERN if family in PATTERNS and family != likeliest else 1.0
        honest *= (1.0 - chance) ** part
    return honest
