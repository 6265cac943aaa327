"""Delegate one's approvals to somebody for a period, end that early, and see who acts for whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import msgspec

from vendorpay.domain.audit import AuditAction, NewEntry, SubjectType
from vendorpay.domain.delegation_events import DelegationEnded, DelegationGiven
from vendorpay.domain.delegations import Delegation, DelegationState, NewDelegation, faults_of
from vendorpay.domain.errors import Forbidden, InvalidRequest, NotFound
from vendorpay.domain.events import EventDraft
from vendorpay.domain.payment import Chains
from vendorpay.domain.roles import Caller, Role
from vendorpay.store import delegation_writes, delegations
from vendorpay.store.batch_writer import Rows
from vendorpay.store.subjects import DelegationClaim
from vendorpay.usecases import cursor as cursors
from vendorpay.usecases.command import Command, Facts, Outcome
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.subject_change import SubjectChange

_KIND: Final = "delegations"


class DelegationPage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Delegations, newest first, those that are over included."""

    delegations: tuple[Delegation, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class Delegate(Command):
    """Somebody lets another approve in their name, with the role that they have themselves now."""

    operation = "create_delegation"

    new: NewDelegation

    def decide(self, facts: Facts) -> Outcome:
        if faults := faults_of(self.new, self.caller.sub, facts.now):
            raise InvalidRequest(faults)
        assert self.caller.role is not None, "the permission asks for a role"
        given = Delegation(
            delegation_id=facts.new_id(),
            org_id=self.caller.org_id,
            delegator_id=self.caller.sub,
            delegator_role=self.caller.role.value,
            delegate_id=self.new.delegate_id,
            starts_at=self.new.starts_at or facts.now,
            ends_at=self.new.ends_at,
            created_at=facts.now,
        )
        own = {"delegator_role": given.delegator_role, "starts_at": given.starts_at, "ends_at": given.ends_at}
        event = EventDraft(kind=DelegationGiven, own=own)
        return _recorded(None, DelegationState(delegation=given), AuditAction.DELEGATION_GIVEN, event)


@dataclass(frozen=True, kw_only=True)
class EndDelegation(Command):
    """Whoever gave it, or an admin, ends it; what was approved stays approved."""

    operation = "end_delegation"

    delegation_id: UUID

    def subject_claim(self) -> DelegationClaim:
        return DelegationClaim(self.caller.org_id, self.delegation_id)

    def decide(self, facts: Facts) -> Outcome:
        before = facts.delegation_state
        if before is None:
            raise NotFound(subject="delegation", id=self.delegation_id)
        given = before.delegation
        if self.caller.sub != given.delegator_id and self.caller.role is not Role.ADMIN:
            raise Forbidden("Only who gave a delegation, or an admin, ends it.")
        # One that is over is ended all the same: by a clock that is put back it would be open again.
        if given.ended_at is not None:
            return Outcome(answer=msgspec.json.encode(given), payment_id=None)
        after = msgspec.structs.replace(
            before, delegation=msgspec.structs.replace(given, ended_at=facts.now, ended_by=self.caller.sub)
        )
        event = EventDraft(kind=DelegationEnded, own={"ended_by": self.caller.sub})
        return _recorded(before, after, AuditAction.DELEGATION_ENDED, event)


def _recorded(
    before: DelegationState | None, after: DelegationState, action: AuditAction, event: EventDraft
) -> Outcome:
    given = after.delegation
    add = delegation_writes.add_given if before is None else delegation_writes.add_ended

    def write(rows: Rows, chains: Chains) -> None:
        add(rows, msgspec.structs.replace(after, chains=chains))

    entry = NewEntry(
        action=action,
        previous_status=None if before is None else "given",
        new_status="given" if before is None else "ended",
        content_digest=given.digest,
    )
    change = SubjectChange(
        subject_type=SubjectType.DELEGATION,
        subject_id=given.delegation_id,
        org_id=given.org_id,
        chains=after.chains,
        entry=entry,
        event=event,
        about={
            "delegation_id": given.delegation_id,
            "delegator_id": given.delegator_id,
            "delegate_id": given.delegate_id,
        },
        write=write,
    )
    return Outcome(answer=msgspec.json.encode(given), payment_id=None, change=change)


async def page(deps: Deps, caller: Caller, *, limit: int, cursor: str | None = None) -> DelegationPage:
    """One page of the organisation's. Raises InvalidRequest for a foreign cursor."""
    before = cursors.before(_KIND, cursor)
    async with deps.database.reading() as connection:
        found = await delegations.newest(connection, caller.scope().org_id, before=before, limit=limit + 1)
    shown, more = cursors.cut(_KIND, found, limit, lambda one: one.delegation_id)
    return DelegationPage(delegations=shown, next_cursor=more)
