"""Propose an approval policy: it is checked, gets the next number, and changes nothing until it is activated."""

from __future__ import annotations

from dataclasses import dataclass

from vendorpay.domain.audit import AuditAction
from vendorpay.domain.errors import PoliciesOff
from vendorpay.domain.events import EventDraft
from vendorpay.domain.policies import PolicyState, PolicyStatus, PolicyVersion
from vendorpay.domain.policy_document import Policy
from vendorpay.domain.policy_events import PolicyProposed
from vendorpay.store.claims import PoliciesClaim
from vendorpay.usecases.command import Command, Facts, Outcome
from vendorpay.usecases.policy_change import recorded


@dataclass(frozen=True, kw_only=True)
class ProposePolicy(Command):
    """Somebody wants other rules, and may say why."""

    operation = "propose_policy"

    document: Policy
    notes: str | None = None

    def asks_policy(self) -> bool:
        return True

    def policies_claim(self) -> PoliciesClaim:
        return PoliciesClaim(self.caller.org_id)

    def decide(self, facts: Facts) -> Outcome:
        if facts.policy is None:
            raise PoliciesOff
        policy = PolicyVersion(
            policy_id=facts.new_id(),
            org_id=self.caller.org_id,
            version=facts.policy.last_version + 1,
            status=PolicyStatus.PROPOSED,
            document=self.document,
            proposed_by=self.caller.sub,
            proposed_at=facts.now,
        )
        event = EventDraft(kind=PolicyProposed, own={"proposed_by": self.caller.sub})
        return recorded(None, PolicyState(policy=policy), AuditAction.POLICY_PROPOSED, event, self.notes)
