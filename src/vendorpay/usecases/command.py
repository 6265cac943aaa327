"""Commands: what somebody asks to be done, as data; each kind says what it claims and decides, purely, what happens.

`carry_out` runs them in batches; `group_commit` makes the batches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import ClassVar, Protocol
from uuid import UUID

import msgspec

from vendorpay.domain.audit import Actor, NewEntry
from vendorpay.domain.delegations import Delegation, DelegationState
from vendorpay.domain.errors import FieldFault
from vendorpay.domain.events import EventDraft
from vendorpay.domain.fraud.told import UNTOLD, Told
from vendorpay.domain.fraud_listing import ListingState
from vendorpay.domain.fraud_rule_sets import RuleSetState
from vendorpay.domain.limits import LimitRow, Usage
from vendorpay.domain.payment import HoldKind, PaymentState
from vendorpay.domain.policies import PolicyState
from vendorpay.domain.roles import Caller
from vendorpay.domain.webhooks import EndpointState, FeedStanding
from vendorpay.store.claims import (
    DelegationQuestion,
    EventClaim,
    FeedClaim,
    JobClaim,
    KeyClaim,
    PoliciesClaim,
    Twin,
)
from vendorpay.store.subjects import SubjectClaim
from vendorpay.usecases.active_policies import ActivePolicy
from vendorpay.usecases.endpoint_change import EndpointChange
from vendorpay.usecases.fraud_change import FraudChange
from vendorpay.usecases.subject_change import SubjectChange

Salt = Callable[[], bytes]


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """An Idempotency-Key and the SHA-256 of the request that brought it."""

    text: str
    fingerprint: bytes


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision may rest on: read under the locks that the command claimed."""

    now: datetime
    new_id: Callable[[], UUID]
    state: PaymentState | None = None
    endpoint: EndpointState | None = None
    delegation_state: DelegationState | None = None
    policy_state: PolicyState | None = None
    """The version of a policy that the command is about."""
    fraud_subject: ListingState | RuleSetState | None = None
    """The listing or rule set that the command is about."""
    feed: FeedStanding | None = None
    twin: Twin | None = None
    seen: UUID | None = None
    """The payment that the same event led to before."""
    policy: ActivePolicy | None = None
    """The approval policy that applies, where the command asks for it and payments have rules at all."""
    delegations: tuple[Delegation, ...] = ()
    """Those by which the caller may act for whom the command names."""
    limits_used: Mapping[LimitRow, int] = {}
    """What is taken by now of those that the command asks for; by commands before it in the batch, too."""
    vendor_is_new: bool | None = None
    """Whether no payment of the vendor was approved before; None where the policy does not ask."""
    scoring: bool = False
    """Whether payments wait for a fraud score before they are approved."""


class PaymentChange(msgspec.Struct, frozen=True, kw_only=True):
    """A payment as it is to be, and what goes on record for it."""

    state: PaymentState
    entries: tuple[NewEntry, ...]
    events: tuple[EventDraft, ...]
    born: bool = False
    approval_id: UUID | None = None
    """Set when the newest approval of `state` is new."""
    edited: bool = False
    """The content, reference or metadata may be another; nothing about its holds is."""
    new_content: bool = False
    """The lines are new ones, under a new content_version."""
    voided: tuple[str, ...] = ()
    """Whose valid approvals count no more."""
    hold_id: UUID | None = None
    """Set when the newest hold of `state` is new."""
    used: tuple[Usage, ...] = ()
    """What its new approval takes of cumulative limits; the schema counts it (limits_take), whatever stands here."""
    returned: tuple[Usage, ...] = ()
    """What approvals took that are voided."""
    released: tuple[HoldKind, ...] = ()
    """All open holds of these kinds are released."""
    fraud: FraudChange | None = None
    """The fraud side speaks: nothing about content, approvals or holds is another."""


class SettledEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A consumed event that has led to its payment and is not acted on again."""

    claim: EventClaim
    event_type: str
    told: Told = UNTOLD
    """What it told of the payment that it led to."""


class Quarantining(msgspec.Struct, frozen=True, kw_only=True):
    """An event that cannot be accepted."""

    raw: bytes
    reason: str
    errors: tuple[FieldFault, ...]
    times: int = 1
    """How often these bytes came, in the one request."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a command leads to; everything in it is written by one transaction, or nothing is."""

    answer: bytes
    payment_id: UUID | None
    change: PaymentChange | EndpointChange | SubjectChange | None = None
    settled_event: SettledEvent | None = None
    quarantining: Quarantining | None = None
    resolved: UUID | None = None
    """The quarantined event that is settled by this."""
    redriven: UUID | None = None
    """The dead letter that is sent again."""
    redelivered: UUID | None = None
    """The delivery that is made once more."""
    also: tuple[SubjectChange, ...] = ()
    """What changes besides, in a chain of its own: a vendor that is blocked because of its payment's case."""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A command's answer: the JSON to send. `replayed` when it was given before, under the same key."""

    answer: bytes
    payment_id: UUID | None
    replayed: bool = False


@dataclass(frozen=True, kw_only=True)
class Command:
    """Somebody's wish. `command_id` is made once, by whoever takes the request, and survives every retry."""

    operation: ClassVar[str]
    refused_by_keys: ClassVar[bool] = False
    """Whatever its decision would refuse, a unique key of the database refuses too; its rows are all new ones. Alone,
    it may be written on the guess that nothing is in its way (at_once)."""

    command_id: UUID
    caller: Caller
    key: Key | None = None

    @property
    def actor(self) -> Actor:
        """Who the audit log names."""
        return Actor(id=self.caller.sub, type=self.caller.actor_type)

    @cached_property
    def key_claim(self) -> KeyClaim:
        """The key in its scope: organisation, operation, caller."""
        text = self.key.text if self.key else ""
        return KeyClaim(self.caller.org_id, self.operation, self.caller.sub, text)

    def subject_claim(self) -> SubjectClaim | None:
        """The payment, or other subject, whose row to lock."""
        return None

    def feed_claim(self) -> FeedClaim | None:
        """The feed to hold still."""
        return None

    def job_claim(self) -> JobClaim | None:
        """The job to lock."""
        return None

    def event_claim(self) -> EventClaim | None:
        """The consumed event to lock."""
        return None

    def policies_claim(self) -> PoliciesClaim | None:
        """The organisation's policies, to change them."""
        return None

    def delegation_question(self) -> DelegationQuestion | None:
        """In whose name the caller acts, if not in their own."""
        return None

    def limits_asked(self, state: PaymentState, now: datetime) -> tuple[Usage, ...]:
        """What the command may take of cumulative limits, once its payment is locked."""
        return ()

    def asks_policy(self) -> bool:
        """Whether the decision needs the approval policy of the caller's organisation."""
        return False

    def other_claims(self) -> tuple[object, ...]:
        """What else must not be touched twice in one batch."""
        return ()

    def lines(self) -> int:
        """How many lines it writes: a batch holds so many, for they are made and sent without a pause."""
        return 1

    def decide(self, facts: Facts) -> Outcome:
        """What happens; pure. Raises a VendorPayError to refuse."""
        raise TypeError(f"{type(self).__name__} does not decide")

    def claims(self) -> list[object]:
        """Everything of which a batch holds at most one (correctness.md 4)."""
        found: list[object | None] = [
            *(self.subject_claim(), self.job_claim(), self.event_claim(), self.feed_claim(), self.policies_claim()),
        ]
        keyed = [self.key_claim] if self.key else []
        return [*keyed, *(claim for claim in found if claim is not None), *self.other_claims()]


class Commands(Protocol):
    """Where commands are handed in."""

    async def submit(self, command: Command) -> Done:
        """The command's answer, after its commit. Raises the VendorPayError it was refused with."""
        ...

    async def submit_all(self, commands: Sequence[Command]) -> list[Done]:
        """The answers of many commands of one caller, in their order; they leave room for what others ask.

        Raises the first error when every one of them has ended, or Overloaded when their turn did not come.
        """
        ...

    async def submit_each(self, commands: Sequence[Command]) -> list[Done | Exception]:
        """The same, but each refusal in its place; where their turn did not come, each of them is Overloaded."""
        ...
