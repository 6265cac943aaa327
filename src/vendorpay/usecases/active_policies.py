"""The approval policies that apply, kept by each process so that creating a payment need not read one.

What is kept decides nothing by itself: the version is compared in the transaction that writes the payment (in the guard
of a guess, or by the look that a batch takes), and where it is not the one that applies, the batch looks again. So a
payment that is created after an activation was committed has its rule from the new policy, in every process; one whose
transaction began before has its rule from the old one, as if it had been created first.
"""

from __future__ import annotations

from typing import Final

import msgspec

from vendorpay.domain import policy as policies
from vendorpay.domain.approval_rule import ChosenRule
from vendorpay.domain.approval_rules.condition import RuleFacts
from vendorpay.domain.policy import DEFAULT, DEFAULT_VERSION, Chooser
from vendorpay.domain.policy_document import Policy

KEPT_MAX: Final = 1000
"""Organisations; when there are more, all are forgotten, and looked up again."""
UNKNOWN: Final = -1


class ActivePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The policy that applies in an organisation, and the number of the last one that was proposed there."""

    version: int
    policy: Policy
    chooser: Chooser
    last_version: int = 0

    def choose(self, facts: RuleFacts) -> ChosenRule:
        """What applies to a payment."""
        return self.chooser.choose(self.version, facts)


class ActivePolicies:
    """By organisation; what one process knows."""

    def __init__(self) -> None:
        self._kept: dict[str, ActivePolicy] = {}

    def version(self, org_id: str) -> int:
        """The version that is known, or UNKNOWN."""
        kept = self._kept.get(org_id)
        return UNKNOWN if kept is None else kept.version

    def asks_for_history(self, org_id: str) -> bool:
        """Whether the known policy asks if a vendor is new."""
        kept = self._kept.get(org_id)
        return kept is not None and kept.policy.asks_for_history

    def get(self, org_id: str) -> ActivePolicy | None:
        """The policy that is known to apply."""
        return self._kept.get(org_id)

    def learn(self, org_id: str, version: int, document: str | None) -> bool:
        """Takes note of what applies; False when that was known already, True when whoever looked has to look again."""
        if version == self.version(org_id):
            return False
        if document is None and version != DEFAULT_VERSION:
            return (
                True  # it was known when they looked: since then others have learnt a newer one, or all was forgotten
            )
        if version == DEFAULT_VERSION:
            policy = DEFAULT
        else:
            assert document is not None
            policy = policies.stored(document)
        if len(self._kept) >= KEPT_MAX:
            self._kept.clear()
        self._kept[org_id] = ActivePolicy(version=version, policy=policy, chooser=Chooser(policy))
        return True
