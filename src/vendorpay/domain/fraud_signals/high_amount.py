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
from vendorpay.domain.fraud.words_of_money import counted, money

PRIOR_CHANCE: Final = 0.001
"""What a prior's highCents means: one honest payment in a thousand is above it."""
PRIOR_DEVIATIONS: Final = 3.09
"""Where a normal distribution has that thousandth."""
VOUCHING_MIN: Final = 3
"""So many payments of the vendor's own vouch for as much again, where the prior decides."""
PEERS_VOUCHING_MIN: Final = 10
"""So many of others: a few could be one stranger's, under several names."""
PEERS_ENOUGH: Final = 3 * COMPARABLE_MIN
"""From so many payments of others on they alone tell what is usual."""


def _judge(facts: FraudFacts, parameters: Parameters, priors: Priors) -> Speaks | None:
    amount = facts.amount
    sides = _sides(amount, facts.service_type, parameters)
    if not sides:
        return _by_prior(facts, priors)
    chance, times, words = min(sides)
    strength = evidence(surprise(min(1.0, chance * len(sides))))
    by_prior = _by_prior(facts, priors) if _hardly_known(amount) else None
    if by_prior is not None and by_prior.strength > strength:
        return by_prior
    if times < parameters["timesMedianMin"] or strength <= 0:
        return None
    return Speaks(strength, f"{money(amount.amount_cents, facts.currency)} {words}")


def _hardly_known(amount: AmountFacts) -> bool:
    """Whether a few dozen payments of strangers are all there is to compare with: the largest of so few is no more than
    one in dozens, however far beyond it the amount lies. The prior, which said more before there were any, still does.
    """
    vendor, peers = amount.vendor, amount.peers
    own = 0 if vendor is None else vendor.usual.count
    return own < COMPARABLE_MIN and peers is not None and peers.usual.count < PEERS_ENOUGH


def _sides(amount: AmountFacts, service: str | None, parameters: Parameters) -> list[tuple[float, float, str]]:
    """Chance, times the usual and words of each comparison for which there is enough to compare with."""
    vendor, peers, level = amount.vendor, amount.peers, amount.level
    found = []
    if level is not None and level.usual.count >= COMPARABLE_MIN and amount.level_permille is not None:
        times = amount.level_permille / 1000
        words = (
            f"is asked for at {times:.2f} times this vendor's usual price of the service; of its last "
            f"{level.usual.count} payments 98 % were up to {level.usual.high / 1000:.2f} times."
        )
        found.append((level.chance * _by_peers(amount, parameters), times, words))
    if vendor is not None and vendor.usual.count >= COMPARABLE_MIN:
        whose = f"this vendor's {vendor.usual.count} comparable payments"
        # Where the base price is as ever, the rest is mileage and charges, which differ from job to job.
        is_rest = amount.level_permille is not None and amount.level_permille < parameters["restBelowPermille"]
        slack = parameters["restSlack"] if is_rest and amount.base_cents else 1.0
        found.append((vendor.chance * _by_peers(amount, parameters) * slack, *_beside(amount, vendor, whose)))
    elif peers is not None and peers.usual.count >= COMPARABLE_MIN and not found:
        whose = f"the last {peers.usual.count} payments for {service or 'work of unknown type'}"
        found.append((peers.chance * _by_few_own(amount), *_beside(amount, peers, whose)))
    return found


def _beside(amount: AmountFacts, compared: Compared, whose: str) -> tuple[float, str]:
    usual, times = compared.usual, compared.usual.times_median(amount.amount_cents)
    most, median = usual.high / 100, usual.median / 100
    return times, f"is {times:.1f} times the median {median:,.2f} of {whose}, of which 98 % are up to {most:,.2f}."


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
    few = max((each.usual.count for each in (amount.vendor, amount.peers) if each is not None), default=0)
    words = (
        f"{money(amount.amount_cents, facts.currency)} for {facts.service_type or 'work of unknown type'}, where up to "
        f"{money(prior.high_cents, facts.currency)} is expected: so says the rule set, {_why_prior(few)}."
    )
    return Speaks(strength, words)


def _why_prior(few: int) -> str:
    if few >= COMPARABLE_MIN:
        return f"and hardly one of {few} comparable payments was for half as much"
    known = f"only {counted(few, 'comparable payment')}" if few else "no comparable payment"
    return f"for {known} {'are' if few > 1 else 'is'} known (fewer than {COMPARABLE_MIN})"


def _few(amount: AmountFacts) -> list[Compared]:
    found = ((amount.vendor, VOUCHING_MIN), (amount.peers, PEERS_VOUCHING_MIN))
    return [each for each, least in found if each is not None and each.usual.count >= least]


def _beyond(prior: Prior, cents: int) -> float:
    """The chance of as much, by a prior whose tail falls like that of a spread."""
    sigma = log(prior.high_cents / prior.median_cents) / PRIOR_DEVIATIONS
    if cents <= prior.high_cents:
        return 1.0
    return PRIOR_CHANCE * exp(-TAIL_PER_SIGMA * log(cents / prior.high_cents) / sigma)


HIGH_AMOUNT: Final = Signal(
    code="high_amount",
    family="price",
    weight=1.0,
    parameters={
        "timesMedianMin": 1.25,
        "peerChanceMin": 0.02,
        "peerPart": 0.5,
        "peerSlack": 3.0,
        "restBelowPermille": 1150,
        "restSlack": 30,
    },
    judge=_judge,
)
