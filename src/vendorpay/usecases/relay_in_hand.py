"""What a relay has in hand: the deliveries under way, so that no limit is passed and no line is entered twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final, TypeVar
from uuid import UUID

import msgspec

from vendorpay.store.relay_leases import Lease, Shard
from vendorpay.usecases.relay_target import Due

T = TypeVar("T")

IN_HAND_MAX: Final = 512
"""How many deliveries one relay has under way in all."""


class Handed(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that is under way, under a lease. Without a `due` its event is not in the outbox any more."""

    delivery_id: UUID
    aggregate_id: UUID
    event_id: UUID
    lease: Lease
    attempts: int
    due: Due | None

    @property
    def subscription_id(self) -> UUID:
        """Whom it is for."""
        return self.lease.shard.subscription_id


class InHand:
    """The deliveries under way, from the moment they are chosen until their result is recorded or given up."""

    def __init__(self) -> None:
        self._handed: dict[UUID, Handed] = {}
        self._by_subscription: Counter[UUID] = Counter()
        self._by_shard: Counter[Shard] = Counter()
        self._lines: set[tuple[UUID, UUID]] = set()
        self.at_once: Mapping[UUID, int] = {}
        """How many each subscription takes at once."""

    def __len__(self) -> int:
        return len(self._handed)

    @property
    def ids(self) -> Collection[UUID]:
        """The deliveries under way."""
        return self._handed.keys()

    def room(self, subscription_id: UUID) -> int:
        """How many more deliveries of a subscription may begin now."""
        own = self.at_once.get(subscription_id, 0) - self._by_subscription[subscription_id]
        return max(0, min(own, IN_HAND_MAX - len(self._handed)))

    def is_busy(self, shard: Shard) -> bool:
        """Whether something of a shard is under way."""
        return self._by_shard[shard] > 0

    def has_line(self, subscription_id: UUID, aggregate_id: UUID) -> bool:
        """Whether something of an aggregate is under way to a subscription: after a redrive the head may be another."""
        return (subscription_id, aggregate_id) in self._lines

    def put(self, handed: Handed) -> None:
        """Begins."""
        self._handed[handed.delivery_id] = handed
        self._by_subscription[handed.subscription_id] += 1
        self._by_shard[handed.lease.shard] += 1
        self._lines.add((handed.subscription_id, handed.aggregate_id))

    def drop(self, handed: Handed) -> None:
        """Ends, whatever came of it."""
        del self._handed[handed.delivery_id]
        self._lines.discard((handed.subscription_id, handed.aggregate_id))
        _one_less(self._by_subscription, handed.subscription_id)
        _one_less(self._by_shard, handed.lease.shard)


def _one_less(counter: Counter[T], key: T) -> None:
    """Counts down, and forgets what is at nothing: subscriptions come and go."""
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
