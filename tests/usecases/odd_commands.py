"""Commands that no caller can send: with bugs, and with rows that the database refuses."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec

from vendorpay.store.subjects import PaymentClaim
from vendorpay.usecases.command import Command, Facts, Outcome, PaymentChange
from vendorpay.usecases.create_payment import CreatePayment


@dataclass(frozen=True, kw_only=True)
class Buggy(Command):
    """Raises what no decision raises."""

    operation = "buggy"

    def decide(self, facts: Facts) -> Outcome:
        raise RuntimeError("a bug")


@dataclass(frozen=True, kw_only=True)
class HalfBuggy(CreatePayment):
    """Decides well, but something is wrong with what goes on record: found after the payment's row was added."""

    operation = "half_buggy"

    def decide(self, facts: Facts) -> Outcome:
        outcome = super().decide(facts)
        assert isinstance(outcome.change, PaymentChange)
        broken = msgspec.structs.replace(outcome.change.events[0], own={"no_such_field": 1})
        return msgspec.structs.replace(outcome, change=msgspec.structs.replace(outcome.change, events=(broken,)))


@dataclass(frozen=True, kw_only=True)
class Refused(CreatePayment):
    """Decides on a payment that the database refuses: its amount is not the sum of its lines."""

    operation = "refused"

    def decide(self, facts: Facts) -> Outcome:
        outcome = super().decide(facts)
        assert isinstance(outcome.change, PaymentChange)
        state = outcome.change.state
        state = msgspec.structs.replace(state, payment=msgspec.structs.replace(state.payment, amount_cents=1))
        return msgspec.structs.replace(outcome, change=msgspec.structs.replace(outcome.change, state=state))


@dataclass(frozen=True, kw_only=True)
class Unwritable(CreatePayment):
    """Decides on a payment whose text cannot be sent to the database at all."""

    operation = "unwritable"
    text: str

    def decide(self, facts: Facts) -> Outcome:
        outcome = super().decide(facts)
        assert isinstance(outcome.change, PaymentChange)
        state = outcome.change.state
        state = msgspec.structs.replace(state, payment=msgspec.structs.replace(state.payment, reference=self.text))
        return msgspec.structs.replace(outcome, change=msgspec.structs.replace(outcome.change, state=state))


@dataclass(frozen=True, kw_only=True)
class Unhashable(Command):
    """Claims something that cannot be a claim."""

    operation = "unhashable"

    def other_claims(self) -> tuple[object, ...]:
        return ([],)


@dataclass(frozen=True, kw_only=True)
class Unlockable(CreatePayment):
    """Claims a job whose name cannot be written down in UTF-8."""

    operation = "unlockable"


@dataclass(frozen=True, kw_only=True)
class Looking(Command):
    """Notes when it is decided, does what it is told, and changes nothing but its own command row."""

    operation = "looking"

    name: str
    seen: list[str] = field(hash=False)
    then: Callable[[Facts], Any] = lambda facts: None
    payment_id: UUID | None = None
    claim: str | None = None

    def subject_claim(self) -> PaymentClaim | None:
        return PaymentClaim(self.caller.org_id, self.payment_id) if self.payment_id else None

    def other_claims(self) -> tuple[object, ...]:
        return (self.claim,) if self.claim else ()

    def decide(self, facts: Facts) -> Outcome:
        self.seen.append(self.name)
        self.then(facts)
        return Outcome(answer=msgspec.json.encode(self.name), payment_id=None)


def taking(seconds: float) -> Callable[[Facts], None]:
    """A decision that holds the whole process up."""
    return lambda facts: time.sleep(seconds)
