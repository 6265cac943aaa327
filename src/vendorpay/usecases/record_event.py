"""Record consumed events: each becomes a payment, is found to be a duplicate, or goes to quarantine with its reason."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from vendorpay.domain import work_completed
from vendorpay.domain.errors import FieldFault, InvalidEvent
from vendorpay.domain.new_payment import NewPayment
from vendorpay.domain.roles import Caller
from vendorpay.domain.work_completed import WorkCompleted
from vendorpay.store.claims import EventClaim, JobClaim
from vendorpay.usecases.command import Command, Done, Facts, Key, Outcome, Quarantining, SettledEvent
from vendorpay.usecases.create_payment import birth, job_of
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.in_bulk import item_key

AT_ONCE_MAX: Final = 256
"""How many events of one request are handed in together; the rest wait, so that others get their turn."""


class Verdict(StrEnum):
    """What became of an event."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"


class EventResult(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The answer for one event; `id` is its own, when it has one."""

    id: str | None
    result: Verdict
    payment_id: UUID | None = None
    reason: str | None = None
    errors: tuple[FieldFault, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """The results of one request's events; `replayed` when all of them were given before, under the same key."""

    results: list[EventResult]
    replayed: bool


@dataclass(frozen=True, kw_only=True)
class AcceptEvent(Command):
    """A WorkCompleted event that fits: a new payment, unless the event or any payment for its job was there before."""

    operation = "record_event"

    event: WorkCompleted
    new: NewPayment
    required_approvals: int
    quarantine_id: UUID | None = None
    """Set when it comes out of quarantine."""

    def event_claim(self) -> EventClaim:
        return EventClaim(self.caller.org_id, self.event.source, self.event.id)

    def job_claim(self) -> JobClaim:
        return job_of(self, self.new)

    def decide(self, facts: Facts) -> Outcome:
        if facts.seen is not None:
            return self._outcome(Verdict.DUPLICATE, facts.seen)
        if facts.twin is not None:
            outcome = self._outcome(Verdict.DUPLICATE, facts.twin.payment_id)
        else:
            change = birth(self, self.new, self.required_approvals, facts)
            outcome = self._outcome(Verdict.ACCEPTED, change.state.payment.payment_id)
            outcome = replace(outcome, change=change)
        settled = SettledEvent(claim=self.event_claim(), event_type=self.event.detail_type)
        return replace(outcome, settled_event=settled)

    def _outcome(self, verdict: Verdict, payment_id: UUID) -> Outcome:
        result = EventResult(id=self.event.id, result=verdict, payment_id=payment_id)
        return Outcome(answer=msgspec.json.encode(result), payment_id=payment_id, resolved=self.quarantine_id)


@dataclass(frozen=True, kw_only=True)
class QuarantineEvent(Command):
    """An event that does not fit: kept byte for byte, with its reason, where it blocks nobody."""

    operation = "record_event"

    raw: bytes
    invalid: InvalidEvent

    def other_claims(self) -> tuple[object, ...]:
        return (("quarantine", self.caller.org_id, hashlib.sha256(self.raw).digest()),)

    def decide(self, facts: Facts) -> Outcome:
        result = rejected(self.raw, self.invalid)
        bad = Quarantining(raw=self.raw, reason=self.invalid.reason, errors=self.invalid.faults)
        return Outcome(answer=msgspec.json.encode(result), payment_id=None, quarantining=bad)


def rejected(raw: bytes, invalid: InvalidEvent) -> EventResult:
    """The answer for an event that does not fit."""
    return EventResult(
        id=work_completed.event_id(raw), result=Verdict.REJECTED, reason=invalid.reason, errors=invalid.faults
    )


async def record(deps: Deps, caller: Caller, raws: Sequence[bytes], key: Key | None) -> Recorded:
    """Records events, each for itself: a bad one never blocks the others.

    With a key, event n has the key `<key>#<n>`, so that a repeated request gets the answers of what was finished.
    """
    done: list[Done] = []
    while len(done) < len(raws):
        # With a key the first goes alone: one used for another request is found out before anything of this is done.
        until = len(done) + (1 if key is not None and not done else AT_ONCE_MAX)
        chunk = enumerate(raws[len(done) : until], start=len(done))
        done += await deps.commands.submit_all([_command(deps, caller, raw, item_key(key, n)) for n, raw in chunk])
    results = [msgspec.json.decode(one.answer, type=EventResult) for one in done]
    return Recorded(results=results, replayed=bool(done) and all(one.replayed for one in done))


def _command(deps: Deps, caller: Caller, raw: bytes, key: Key | None) -> Command:
    command_id = deps.new_id(deps.now())
    try:
        event, new = work_completed.read(raw, deps.event_sources)
    except InvalidEvent as invalid:
        return QuarantineEvent(command_id=command_id, caller=caller, key=key, raw=raw, invalid=invalid)
    return AcceptEvent(
        command_id=command_id,
        caller=caller,
        key=key,
        event=event,
        new=new,
        required_approvals=deps.required_approvals,
    )
