"""What a relay has in hand: the deliveries under way, so that no limit is passed and no line is entered twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from uuid import UUID

import msgspec

from vendorpay.store.relay_leases import Lease, Shard
from vendorpay.usecases.relay_room import Room
from vendorpay.usecases.relay_target import Due


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
        self._room = Room({}, {})
        self._by_shard: Counter[Shard] = Counter()
        self._lines: set[tuple[UUID, UUID]] = set()

    @property
    def ids(self) -> Collection[UUID]:
        """The deliveries under way."""
        return self._handed.keys()

    def allow(self, at_once: Mapping[UUID, int]) -> None:
        """Says how many each subscription takes at once; one that is left out takes none."""
        self._room.at_once = at_once

    def room(self) -> Room:
        """The room there is now, to choose for all subscriptions together; what is chosen takes its place by `put`."""
        return self._room.copy()

    def is_busy(self, shard: Shard) -> bool:
        """Whether something of a shard is under way."""
        return self._by_shard[shard] > 0

    def has_line(self, subscription_id: UUID, aggregate_id: UUID) -> bool:
        """Whether something of an aggregate is under way to a subscription: after a redrive the head may be another."""
        return (subscription_id, aggregate_id) in self._lines

    def put(self, handed: Handed) -> None:
        """Begins."""
        self._handed[handed.delivery_id] = handed
        self._room.take(handed.lease)
        self._by_shard[handed.lease.shard] += 1
        self._lines.add((handed.subscription_id, handed.aggregate_id))

    def drop(self, handed: Handed) -> None:
        """Ends, whatever came of it."""
        del self._handed[handed.delivery_id]
        self._lines.discard((handed.subscription_id, handed.aggregate_id))
        self._room.give_back(handed.lease)
        self._by_shard[handed.lease.shard] -= 1
        if not self._by_shard[handed.lease.shard]:  # forgotten, for subscriptions come and go
            del self._by_shard[handed.lease.shard]
