"""One look at what is due: the heads of their lines are taken in hand, what stands behind them is put out of sight."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from heapq import heapify, heappop, heappush
from typing import Any, Final
from uuid import UUID

import msgspec

from vendorpay.domain.feed import FeedEvent
from vendorpay.store import deliveries
from vendorpay.store.db import Database
from vendorpay.store.deliveries import Found
from vendorpay.store.relay_leases import Lease, Shard
from vendorpay.usecases.relay_in_hand import Handed, InHand
from vendorpay.usecases.relay_room import Room
from vendorpay.usecases.relay_target import Due

LOOKED_AT_MAX: Final = 500
"""How many due deliveries of one shard one look reads."""
LOOKED_BEYOND: Final = 100
"""How many are read beyond those that could begin: some stand behind a head, and are put out of sight."""
LOOKED_MIN: Final = 16
"""How many of a shard, however many others of its subscription are looked at too."""


class Polled(msgspec.Struct, frozen=True, kw_only=True):
    """What a look has taken in hand; `more` when another look at once may find more."""

    handed: list[Handed]
    more: bool


async def poll(database: Database, leases: Mapping[Shard, Lease], in_hand: InHand) -> Polled:
    """Takes in hand what is due of these shards, as far as there is room. Raises DatabaseUnavailable or Overloaded."""
    most = _most(leases, in_hand.room())
    if not most:
        return Polled(handed=[], more=False)
    async with database.reading() as connection:
        found = await deliveries.due(connection, most, in_hand.ids)
        blocked = [one for one in found if one.delivery_id != one.head_id]
        if blocked:
            await deliveries.block(connection, blocked)
        chosen = _chosen([one for one in found if one.delivery_id == one.head_id], leases, in_hand)
        rows = await deliveries.events(connection, chosen) if chosen else []
    handed = [_handed(row, chosen[row["delivery_id"]], leases) for row in rows]
    for one in handed:
        in_hand.put(one)
    seen = Counter(one.shard for one in found)
    cut_short = bool(chosen) and any(
        seen[shard] == many and in_hand.room().left(leases[shard]) > 0 for shard, many in most.items()
    )
    return Polled(handed=handed, more=bool(blocked) or cut_short)


def _most(leases: Mapping[Shard, Lease], room: Room) -> dict[Shard, int]:
    """How many are looked at of each shard. Those of one subscription have one room, and mostly as much to do."""
    shards = Counter(shard.subscription_id for shard in leases)
    most: dict[Shard, int] = {}
    for shard, lease in leases.items():
        if (left := room.left(lease)) > 0:
            share = (left + LOOKED_BEYOND) // shards[shard.subscription_id] + 1
            most[shard] = min(LOOKED_AT_MAX, max(LOOKED_MIN, share))
    return most


def _chosen(heads: list[Found], leases: Mapping[Shard, Lease], in_hand: InHand) -> dict[UUID, Found]:
    """As many as there is room for: in turns by subscription, of each those due longest first."""
    waiting: dict[UUID, deque[Found]] = {}
    for head in heads:
        subscription_id = head.shard.subscription_id
        if not in_hand.has_line(subscription_id, head.aggregate_id):
            waiting.setdefault(subscription_id, deque()).append(head)
    room = in_hand.room()
    chosen: dict[UUID, Found] = {}
    turns = [(room.turn(leases[line[0].shard]), n, line) for n, line in enumerate(waiting.values())]
    heapify(turns)
    while turns:
        turn, n, line = heappop(turns)
        lease = leases[line[0].shard]
        if room.left(lease) == 0:
            continue
        if turn == room.turn(lease):  # else others of its organisation have gone since, and it stands further back
            room.take(lease)
            head = line.popleft()
            chosen[head.delivery_id] = head
        if line:
            heappush(turns, (room.turn(lease), n, line))
    return chosen


def _handed(row: Mapping[str, Any], found: Found, leases: Mapping[Shard, Lease]) -> Handed:
    due = None
    if row["detail"] is not None:
        event = FeedEvent(
            detail=msgspec.Raw(row["detail"].encode()), **{name: row[name] for name in _EVENT if name != "detail"}
        )
        due = Due(
            delivery_id=found.delivery_id,
            subscription_id=found.shard.subscription_id,
            subscription_name=row["subscription_name"],
            attempt=row["attempts"] + 1,
            event=event,
        )
    return Handed(
        delivery_id=found.delivery_id,
        aggregate_id=found.aggregate_id,
        event_id=row["event_id"],
        lease=leases[found.shard],
        attempts=row["attempts"],
        due=due,
    )


_EVENT: Final = FeedEvent.__struct_fields__
