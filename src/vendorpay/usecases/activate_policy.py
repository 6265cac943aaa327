"""Activate an approval policy: a second person agrees, and from then on payments have their rules from it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import msgspec

from vendorpay.domain.audit import AuditAction
from vendorpay.domain.errors import FourEyes, NotFound, PoliciesOff, PolicyLapsed
from vendorpay.domain.events import EventDraft
from vendorpay.domain.policies import PolicyStatus
from vendorpay.domain.policy_events import PolicyActivated
from vendorpay.store.claims import PoliciesClaim
from vendorpay.store.subjects import PolicyClaim
from vendorpay.usecases.command import Command, Facts, Outcome
from vendorpay.usecases.policy_change import recorded


@dataclass(frozen=True, kw_only=True)
class ActivatePolicy(Command):
    """Somebody other than the proposer agrees, once. What is older than the version that applies is proposed anew, so
    that nobody alone goes to and fro between versions that others proposed long ago.
    """

    operation = "activate_policy"

    policy_id: UUID
    notes: str | None = None

    def asks_policy(self) -> bool:
        return True

    def subject_claim(self) -> PolicyClaim:
        return PolicyClaim(self.caller.org_id, self.policy_id)

    def policies_claim(self) -> PoliciesClaim:
        return PoliciesClaim(self.caller.org_id)

    def decide(self, facts: Facts) -> Outcome:
        if facts.policy is None:
            raise PoliciesOff
        before = facts.policy_state
        if before is None:
            raise NotFound(subject="policy", id=self.policy_id)
        if self.caller.sub == before.policy.proposed_by:
            raise FourEyes
        if facts.policy.version == before.policy.version:
            return Outcome(answer=msgspec.json.encode(before.policy), payment_id=None)
        if before.policy.status is not PolicyStatus.PROPOSED:
            raise PolicyLapsed
        after = msgspec.structs.replace(
            before,
            policy=msgspec.structs.replace(
                before.policy, status=PolicyStatus.ACTIVE, activated_by=self.caller.sub, activated_at=facts.now
            ),
        )
        own = {"activated_by": self.caller.sub, "replaced_version": facts.policy.version}
        event = EventDraft(kind=PolicyActivated, own=own)
        return recorded(before, after, AuditAction.POLICY_ACTIVATED, event, self.notes)
