"""Record consumed events: each becomes a payment, is found to be a duplicate, or goes to quarantine with its reason."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

import msgspec

from vendorpay.domain import work_completed
from vendorpay.domain.approval_rule import Source
from vendorpay.domain.errors import FieldFault, InvalidEvent
from vendorpay.domain.fault_budget import FaultBudget
from vendorpay.domain.fraud.told import UNTOLD, Told, photos_key
from vendorpay.domain.new_payment import NewPayment
from vendorpay.domain.roles import Caller
from vendorpay.domain.work_completed import WorkCompleted
from vendorpay.store.claims import EventClaim, JobClaim
from vendorpay.usecases.command import Command, Done, Facts, Key, Outcome, Quarantining, SettledEvent
from vendorpay.usecases.create_payment import birth, job_of
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.in_bulk import ItemResult, item_key, submit_in_chunks


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


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
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

    def asks_policy(self) -> bool:
        return True

    def event_claim(self) -> EventClaim:
        return EventClaim(self.caller.org_id, self.event.source, self.event.id)

    def job_claim(self) -> JobClaim:
        return job_of(self, self.new)

    def lines(self) -> int:
        return len(self.new.line_items)

    def decide(self, facts: Facts) -> Outcome:
        if facts.seen is not None:
            return self._outcome(Verdict.DUPLICATE, facts.seen)
        told = UNTOLD  # of another's payment, an event that comes second tells nothing
        if facts.twin is not None:
            outcome = self._outcome(Verdict.DUPLICATE, facts.twin.payment_id)
        else:
            change = birth(self, self.new, self.required_approvals, facts, Source.EVENT)
            outcome = self._outcome(Verdict.ACCEPTED, change.state.payment.payment_id)
            outcome = msgspec.structs.replace(outcome, change=change)
            told = _told_by(self.event)
        settled = SettledEvent(claim=self.event_claim(), event_type=self.event.detail_type, told=told)
        return msgspec.structs.replace(outcome, settled_event=settled)

    def _outcome(self, verdict: Verdict, payment_id: UUID) -> Outcome:
        result = EventResult(id=self.event.id, result=verdict, payment_id=payment_id)
        return Outcome(answer=msgspec.json.encode(result), payment_id=payment_id, resolved=self.quarantine_id)


def _told_by(event: WorkCompleted) -> Told:
    detail = event.detail
    return Told(
        driver_id=None if detail.driver_id is None else str(detail.driver_id),
        photos_key=photos_key(detail.work_details.photos),
    )


@dataclass(frozen=True, kw_only=True)
class QuarantineEvent(Command):
    """An event that does not fit: kept byte for byte, with its reason, where it blocks nobody."""

    operation = "record_event"

    raw: bytes
    invalid: InvalidEvent
    times: int = 1
    """How often the one request holds these bytes."""

    def other_claims(self) -> tuple[object, ...]:
        return (("quarantine", self.caller.org_id, hashlib.sha256(self.raw).digest()),)

    def decide(self, facts: Facts) -> Outcome:
        result = rejected(self.raw, self.invalid)
        bad = Quarantining(raw=self.raw, reason=self.invalid.reason, errors=self.invalid.faults, times=self.times)
        return Outcome(answer=msgspec.json.encode(result), payment_id=None, quarantining=bad)


def rejected(raw: bytes, invalid: InvalidEvent) -> EventResult:
    """The answer for an event that does not fit."""
    return EventResult(
        id=work_completed.event_id(raw), result=Verdict.REJECTED, reason=invalid.reason, errors=invalid.faults
    )


async def record(deps: Deps, caller: Caller, raws: Sequence[bytes], key: Key | None) -> Recorded:
    """Records events, each for itself: a bad one never blocks the others.

    Equal ones are one command, answered to each. With a key, event n has the key `<key>#<n>`, so that a repeated
    request gets the answers of what was finished.
    """
    times = Counter(raws)
    coming = _commands(deps, caller, raws, times, key)
    ended: list[ItemResult] = []
    if key is not None and times:
        # The first goes alone: a key used for another request is found out before anything of this is done.
        ended.append(await deps.commands.submit(next(coming)))
    ended += await submit_in_chunks(deps.commands, coming)
    done = dict(zip(times, map(_required, ended), strict=True))
    first = {raw: msgspec.json.decode(one.answer, type=EventResult) for raw, one in done.items()}
    again = {raw: _again(result) for raw, result in first.items()}
    results = [first.pop(raw, again[raw]) for raw in raws]
    return Recorded(results=results, replayed=bool(done) and all(one.replayed for one in done.values()))


async def record_each(deps: Deps, caller: Caller, raws: Sequence[bytes]) -> list[EventResult | Exception]:
    """What became of each event of a batch that nobody waits for: its result, or what kept it from having one.

    All of them are handed in together, as one transaction. Equal ones are one command.
    """
    times = Counter(raws)
    ended = await deps.commands.submit_each(list(_commands(deps, caller, raws, times, None)))
    by_raw = dict(zip(times, map(_told, ended), strict=True))
    return [by_raw[raw] for raw in raws]


def _told(one: ItemResult) -> EventResult | Exception:
    return one if isinstance(one, Exception) else msgspec.json.decode(one.answer, type=EventResult)


def _required(one: ItemResult) -> Done:
    if isinstance(one, Exception):
        raise one
    return one


def _again(result: EventResult) -> EventResult:
    """The answer for the same bytes further on in the request."""
    if result.result is not Verdict.ACCEPTED:
        return result
    return msgspec.structs.replace(result, result=Verdict.DUPLICATE)


def _commands(
    deps: Deps, caller: Caller, raws: Sequence[bytes], times: Mapping[bytes, int], key: Key | None
) -> Iterator[Command]:
    """A command for each event that is not like one before it, under the key of its place."""
    budget = FaultBudget()
    seen: set[bytes] = set()
    for n, raw in enumerate(raws):
        if raw not in seen:
            seen.add(raw)
            yield _command(deps, caller, raw, times[raw], item_key(key, n), budget)


def _command(deps: Deps, caller: Caller, raw: bytes, times: int, key: Key | None, budget: FaultBudget) -> Command:
    command_id = deps.new_id(deps.now())
    try:
        event, new = work_completed.read(raw, deps.event_sources, min(budget.of_next(), work_completed.FAULTS_MAX))
    except InvalidEvent as invalid:
        budget.spend(len(invalid.faults))
        return QuarantineEvent(command_id=command_id, caller=caller, key=key, raw=raw, invalid=invalid, times=times)
    return AcceptEvent(
        command_id=command_id,
        caller=caller,
        key=key,
        event=event,
        new=new,
        required_approvals=deps.required_approvals,
    )
