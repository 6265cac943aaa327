"""What the decisions about approval policies have in common."""

from __future__ import annotations

import msgspec

from vendorpay.domain.audit import AuditAction, NewEntry, SubjectType
from vendorpay.domain.events import EventDraft
from vendorpay.domain.payment import Chains
from vendorpay.domain.policies import PolicyState
from vendorpay.store import policy_writes
from vendorpay.store.batch_writer import Rows
from vendorpay.usecases.command import Outcome
from vendorpay.usecases.subject_change import SubjectChange


def recorded(
    before: PolicyState | None, after: PolicyState, action: AuditAction, event: EventDraft, notes: str | None
) -> Outcome:
    """The outcome: the version proposed (there was none before) or activated, and the version as the answer."""
    policy = after.policy
    assert policy.policy_id is not None, "the default policy never changes"
    add = policy_writes.add_proposed if before is None else policy_writes.add_activated

    def write(rows: Rows, chains: Chains) -> None:
        add(rows, msgspec.structs.replace(after, chains=chains))

    change = SubjectChange(
        subject_type=SubjectType.POLICY,
        subject_id=policy.policy_id,
        org_id=policy.org_id,
        chains=after.chains,
        entry=NewEntry(
            action=action,
            previous_status=None if before is None else _status(before),
            new_status=_status(after),
            content_digest=policy.digest,
            notes=notes,
        ),
        event=event,
        about={"policy_id": policy.policy_id, "policy_version": policy.version},
        write=write,
    )
    return Outcome(answer=msgspec.json.encode(policy), payment_id=None, change=change)


def _status(state: PolicyState) -> str:
    """That a version was replaced is the other's doing, and in no entry of its own."""
    return "proposed" if state.policy.activated_at is None else "activated"
