"""Our own fraud engine as a provider: pure, in this process, with nothing to wait for."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.finding import Assessment
from vendorpay.domain.fraud.rows import FraudRow
from vendorpay.domain.fraud.rule_set import RuleSet
from vendorpay.domain.fraud.score import assess

NAME: Final = "embedded"


class EmbeddedFraud:
    """Judges by the rule set it is given."""

    name = NAME

    async def score(self, row: FraudRow, facts: FraudFacts, rule_set: RuleSet, snoozed: Collection[str]) -> Assessment:
        """The assessment of the facts; never fails for want of anybody."""
        return assess(facts, rule_set, snoozed)
