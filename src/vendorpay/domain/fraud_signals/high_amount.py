"""The amount is far above what is usual for this vendor and this service type."""

from __future__ import annotations

from math import exp, log
from typing import Final

from vendorpay.domain.fraud.amount_facts import AmountFacts, Compared
from vendorpay.domain.fraud.chance import surprise
from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.priors import COMPARABLE_MIN, Prior, Priors
from vendorpay.domain.fraud.signal import Parameters, Signal, Speaks, evidence
from vendorpay.domain.fraud.spread import TAIL_PER_SIGMA
from vendorpay.domain.fraud.words_of_money import money

PRIOR_CHANCE: Final = 0.001
"""What a prior's highCents means: one honest payment in a thousand is above it."""
PRIOR_DEVIATIONS: Final = 3.09
"""Where a normal distribution has that thousandth."""
VOUCHING_MIN: Final = 3


def _judge(facts: FraudFacts, parameters: Parameters, priors: Priors) -> Speaks | None:
    amount = facts.amount
    vendor, peers = amount.vendor, amount.peers
    shown = money(amount.amount_cents, facts.currency)
    if vendor is not None and vendor.usual.count >= COMPARABLE_MIN:
        chance = vendor.chance * _by_peers(amount, parameters)
        usual, whose = vendor.usual, f"this vendor's {vendor.usual.count} comparable payments"
    elif peers is not None and peers.usual.count >= COMPARABLE_MIN:
        chance = peers.chance * _by_few_own(amount)
        usual, whose = peers.usual, f"the last {peers.usual.count} payments for {facts.service_type or 'such work'}"
    else:
        return _by_prior(facts, priors)
    if usual.times_median(amount.amount_cents) < parameters["timesMedianMin"]:
        return None
    strength = evidence(surprise(min(1.0, chance)))
    times = usual.times_median(amount.amount_cents)
    words = (
        f"{shown} is {times:.1f} times the median {money(usual.median, facts.currency)} of {whose}, "
        f"of which 98 % are up to {money(usual.high, facts.currency)}."
    )
    return Speaks(strength, words) if strength > 0 else None


def _by_peers(amount: AmountFacts, parameters: Parameters) -> float:
    """How far the service type's other payments speak for or against it: in part, for vendors differ."""
    peers = amount.peers
    if peers is None or peers.usual.count < COMPARABLE_MIN:
        return 1.0
    return float(max(peers.chance, parameters["peerChanceMin"]) ** parameters["peerPart"] * parameters["peerSlack"])


def _by_few_own(amount: AmountFacts) -> float:
    """Less surprising when the vendor billed as much before, be it only a few times."""
    vendor = amount.vendor
    if vendor is None:
        return 1.0
    return 1.0 if amount.amount_cents > vendor.usual.most * 2 else 10.0


def _by_prior(facts: FraudFacts, priors: Priors) -> Speaks | None:
    amount = facts.amount
    prior = priors.prior(facts.service_type, facts.currency)
    if prior is None:
        return None
    strength = evidence(surprise(_beyond(prior, amount.amount_cents)))
    others = max((compared.usual.most for compared in _few(amount)), default=0)
    if strength <= 0 or amount.amount_cents <= 2 * others:
        return None
    few = max((compared.usual.count for compared in _few(amount)), default=0)
    words = (
        f"{money(amount.amount_cents, facts.currency)} for {facts.service_type or 'work of unknown type'}, where up to "
        f"{money(prior.high_cents, facts.currency)} is expected: so says the rule set, for only {few} comparable "
        f"payments are known (fewer than {COMPARABLE_MIN})."
    )
    return Speaks(strength, words)


def _few(amount: AmountFacts) -> list[Compared]:
    return [each for each in (amount.vendor, amount.peers) if each is not None and each.usual.count >= VOUCHING_MIN]


def _beyond(prior: Prior, cents: int) -> float:
    """The chance of as much, by a prior whose tail falls like that of a spread."""
    sigma = log(prior.high_cents / prior.median_cents) / PRIOR_DEVIATIONS
    if cents <= prior.high_cents:
        return 1.0
    return PRIOR_CHANCE * exp(-TAIL_PER_SIGMA * log(cents / prior.high_cents) / sigma)


HIGH_AMOUNT: Final = Signal(
    code="high_amount",
    family="price",
    weight=0.95,
    parameters={"timesMedianMin": 1.25, "peerChanceMin": 0.02, "peerPart": 0.5, "peerSlack": 2.0},
    judge=_judge,
)
