"""A change of an approval policy, and what goes on record for it."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from vendorpay.domain.audit import AuditAction, NewEntry
from vendorpay.domain.events import EventDraft
from vendorpay.domain.policies import PolicyState


@dataclass(frozen=True, kw_only=True)
class PolicyChange:
    """A version as it is to be: proposed when it is `born`, else activated."""

    state: PolicyState
    entry: NewEntry
    event: EventDraft
    born: bool = False


def entry_of(before: PolicyState | None, after: PolicyState, action: AuditAction, notes: str | None) -> NewEntry:
    """The audit entry of a change. What it says of the status is whether the version was ever activated."""
    return NewEntry(
        action=action,
        previous_status=None if before is None else recorded_status(before),
        new_status=recorded_status(after),
        content_digest=after.policy.digest,
        notes=notes,
    )


def recorded_status(state: PolicyState) -> str:
    """That it was replaced is the other's doing, and in no entry of its own."""
    return "proposed" if state.policy.activated_at is None else "activated"


def answer_of(state: PolicyState) -> bytes:
    """The version as JSON."""
    return msgspec.json.encode(state.policy)
