"""Replay a quarantined event: read it again by today's rules, and settle it when it fits."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import msgspec

from vendorpay.domain import work_completed
from vendorpay.domain.errors import InvalidEvent, NotFound
from vendorpay.domain.roles import Caller
from vendorpay.store import quarantine
from vendorpay.usecases.command import Command, Facts, Key, Outcome
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.record_event import AcceptEvent, EventResult, rejected


@dataclass(frozen=True, kw_only=True)
class ReplayEvent(AcceptEvent):
    """An event that comes out of quarantine; its keys are not those of events that come in."""

    operation = "replay_quarantined"


@dataclass(frozen=True, kw_only=True)
class LeaveInQuarantine(Command):
    """An event that still does not fit: nothing changes, and the same key gets the same answer."""

    operation = "replay_quarantined"

    answer: EventResult

    def decide(self, facts: Facts) -> Outcome:
        return Outcome(answer=msgspec.json.encode(self.answer), payment_id=None)


async def replay(deps: Deps, caller: Caller, quarantine_id: UUID, key: Key | None) -> tuple[EventResult, bool]:
    """What became of it, and whether that is an answer given before under the same key.

    It stays in quarantine when it still does not fit. Whoever replays it is the creator of its payment: four eyes
    then keep the same person from approving it. Raises NotFound.
    """
    async with deps.database.reading() as connection:
        raw = await quarantine.raw(connection, caller.scope().org_id, quarantine_id)
    if raw is None:
        raise NotFound(subject="quarantined event", id=quarantine_id)
    done = await deps.commands.submit(_command(deps, caller, raw, quarantine_id, key))
    return msgspec.json.decode(done.answer, type=EventResult), done.replayed


def _command(deps: Deps, caller: Caller, raw: bytes, quarantine_id: UUID, key: Key | None) -> Command:
    command_id = deps.new_id(deps.now())
    try:
        event, new = work_completed.read(raw, deps.event_sources)
    except InvalidEvent as invalid:
        return LeaveInQuarantine(command_id=command_id, caller=caller, key=key, answer=rejected(raw, invalid))
    return ReplayEvent(
        command_id=command_id,
        caller=caller,
        key=key,
        event=event,
        new=new,
        required_approvals=deps.required_approvals,
        quarantine_id=quarantine_id,
    )
