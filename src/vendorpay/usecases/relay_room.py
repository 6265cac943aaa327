"""The room for deliveries under way: each kind of subscription has its own, and within it all take turns.

So receivers that answer slowly, however many somebody sets up, keep nobody else waiting: an organisation gets a part of
the room for webhooks at most, and what becomes free goes to whoever has least under way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from vendorpay.ports import WEBHOOKS_AT_ONCE_MAX
from vendorpay.store.relay_leases import Lease

ROOM_MAX: Final[Mapping[str, int]] = {"webhook": WEBHOOKS_AT_ONCE_MAX, "consumer": 512, "bus": 100}
"""How many deliveries one relay has under way, by the kind of subscription."""
ORGANISATIONS_MIN: Final = 4
"""So many organisations it takes at least to fill the room for webhooks."""

_Key = str | tuple[str, str | None] | UUID


class Room:
    """What is taken of each limit, and who comes next."""

    def __init__(self, at_once: Mapping[UUID, int], taken: Mapping[_Key, int]) -> None:
        self.at_once = at_once
        """How many each subscription takes at once."""
        self._taken: Counter[_Key] = Counter(taken)

    def copy(self) -> Room:
        """Another one, to try out on it what would go in."""
        return Room(self.at_once, self._taken)

    def left(self, lease: Lease) -> int:
        """How many more deliveries may begin under a lease."""
        most = ROOM_MAX[lease.kind]
        of_organisation = most if lease.org_id is None else most // ORGANISATIONS_MIN
        of_subscription = self.at_once.get(lease.shard.subscription_id, 0)
        kind, organisation, subscription = _keys(lease)
        return max(
            0,
            min(
                most - self._taken[kind],
                of_organisation - self._taken[organisation],
                of_subscription - self._taken[subscription],
            ),
        )

    def turn(self, lease: Lease) -> tuple[int, int]:
        """Who has the lowest one comes next: the organisation with least under way, and of that the subscription."""
        _, organisation, subscription = _keys(lease)
        return self._taken[organisation], self._taken[subscription]

    def take(self, lease: Lease) -> None:
        """One begins."""
        self._taken.update(_keys(lease))

    def give_back(self, lease: Lease) -> None:
        """One ends."""
        for key in _keys(lease):
            self._taken[key] -= 1
            if not self._taken[key]:  # forgotten, for subscriptions come and go
                del self._taken[key]


def _keys(lease: Lease) -> tuple[_Key, _Key, _Key]:
    return lease.kind, (lease.kind, lease.org_id), lease.shard.subscription_id
