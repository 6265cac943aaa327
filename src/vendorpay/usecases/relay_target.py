"""What the relay hands out and gets back: one due event for one subscription, and what came of it.

The relay chooses what is due, keeps the order of each aggregate, counts attempts and decides when to give up; a Target
only delivers, and says what happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

import msgspec

from vendorpay.domain.feed import FeedEvent
from vendorpay.domain.retries import Schedule


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """One event to be delivered to one subscription, now."""

    delivery_id: UUID
    subscription_id: UUID
    subscription_name: str
    attempt: int
    """1 for the first try, and again 1 after somebody ordered another round of tries."""
    event: FeedEvent


class AttemptLog(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one try: the receiver's `status`, or the `error` when it gave none; one of the two is there.

    The store cuts `error` at 500 and `answer` at 2,000 characters, and replaces what is no text.
    """

    duration_ms: int
    status: int | None = None
    error: str | None = None
    answer: str | None = None
    """The beginning of what the receiver said."""


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """The receiver has it, or has no use for it. Without a `log` nothing is kept of the try."""

    log: AttemptLog | None = None


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """It did not work this time. It is tried again as the target's schedule says; after the last time it is dead.

    `reason` is our own short phrase (the dead letter's `lastError`), without secrets and without the receiver's text.
    """

    reason: str
    retry_after_s: float | None = None
    """How long the receiver asked to be left alone; heeded up to a day, and never shortens the schedule."""
    log: AttemptLog | None = None


class Dead(msgspec.Struct, frozen=True, kw_only=True):
    """It can never work (a poison event, a receiver that is gone): a dead letter at once."""

    reason: str
    log: AttemptLog | None = None


class Paused(msgspec.Struct, frozen=True, kw_only=True):
    """It was not tried (an endpoint disabled meanwhile, a database that is away): stays pending, counts as no try."""

    reason: str
    retry_after_s: float = 1.0


Result = Delivered | Failed | Dead | Paused


class Target(Protocol):
    """Where the events of one kind of subscription go."""

    @property
    def kind(self) -> str:
        """The kind of subscription (`subscriptions.kind`) that it serves."""
        ...

    @property
    def names(self) -> frozenset[str] | None:
        """The subscriptions of that kind that it can serve, by name; None for all of them.

        A process of an older version does not know every consumer, and must not take their events.
        """
        ...

    @property
    def schedule(self) -> Schedule:
        """When a failed delivery is tried again, and how often."""
        ...

    async def prepare(self) -> None:
        """Called before the relay begins (and whenever it begins again): makes the subscriptions that must be there.

        Nothing to do where others make them.
        """
        ...

    async def at_once(self, subscription_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        """How many deliveries of each subscription may be under way at once, at least 1.

        Asked whenever leases are renewed (every few seconds), so that a changed limit is soon heeded. One that is left
        out gets no deliveries until it is asked again.
        """
        ...

    async def deliver(self, due: Due) -> Result:
        """Delivers one event, and says what came of it.

        Called for many at once, but never for two of one aggregate and subscription. The same event may come again: the
        process may die before the result is recorded, and another relay may be at it too when this one was stopped for
        longer than its lease. What it raises counts as Failed; DatabaseUnavailable, Overloaded, IssuerUnavailable and
        IdempotencyInFlight, which are nobody's fault, as Paused. It is cancelled when the process must end.
        """
        ...
