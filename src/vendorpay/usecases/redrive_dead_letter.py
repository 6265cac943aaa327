"""Redrive a dead letter: deliver it once more, from the first try on, after what kept it from arriving was mended."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import msgspec

from vendorpay import observe
from vendorpay.domain.errors import NotFound
from vendorpay.domain.roles import Caller
from vendorpay.store import dead_letters
from vendorpay.usecases.command import Command, Facts, Key, Outcome
from vendorpay.usecases.deps import Deps


class Redriven(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A dead letter that waits for its delivery again."""

    delivery_id: UUID
    event_id: UUID
    state: str
    attempts: int


@dataclass(frozen=True, kw_only=True)
class RedriveDeadLetter(Command):
    """Somebody wants it delivered after all. The command's row is what stays on record of it: nothing changed about
    what the event tells of, so its audit chain has no entry.
    """

    operation = "redrive_dead_letter"

    delivery_id: UUID
    event_id: UUID | None
    """None when there is no such dead letter: then only an answer given before can be had."""

    def other_claims(self) -> tuple[object, ...]:
        return (("delivery", self.delivery_id),)

    def decide(self, facts: Facts) -> Outcome:
        if self.event_id is None:
            raise NotFound(subject="dead letter", id=self.delivery_id)
        answer = Redriven(delivery_id=self.delivery_id, event_id=self.event_id, state="pending", attempts=0)
        return Outcome(answer=msgspec.json.encode(answer), payment_id=None, redriven=self.delivery_id)


async def redrive(deps: Deps, caller: Caller, delivery_id: UUID, key: Key | None) -> tuple[Redriven, bool]:
    """The delivery as it is now, due at once; and whether that is an answer given before under the same key.

    Later events of its aggregate may have been delivered before it. Raises NotFound for what is not dead, or another
    organisation's.
    """
    org_id = caller.scope().org_id
    async with deps.database.reading() as connection:
        event_id = await dead_letters.event_of(connection, org_id, delivery_id)
    command = RedriveDeadLetter(
        command_id=deps.new_id(deps.now()), caller=caller, key=key, delivery_id=delivery_id, event_id=event_id
    )
    done = await deps.commands.submit(command)
    if not done.replayed:
        observe.info("a dead letter is sent again", org_id=org_id, sub=caller.sub, event_id=event_id)
    return msgspec.json.decode(done.answer, type=Redriven), done.replayed
