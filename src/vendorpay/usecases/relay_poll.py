"""One look at what is due: the heads of their lines are taken in hand, what stands behind them is put out of sight."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec

from vendorpay.domain.feed import FeedEvent
from vendorpay.store import deliveries
from vendorpay.store.db import Database
from vendorpay.store.deliveries import Found
from vendorpay.store.relay_leases import Lease, Shard
from vendorpay.usecases.relay_in_hand import Handed, InHand
from vendorpay.usecases.relay_target import Due

LOOKED_AT_MAX: Final = 500
"""How many due deliveries of one shard one look reads."""
LOOKED_BEYOND: Final = 100
"""How many are read beyond those that could begin: some stand behind a head, and are put out of sight."""


class Polled(msgspec.Struct, frozen=True, kw_only=True):
    """What a look has taken in hand; `more` when another look at once would find more."""

    handed: list[Handed]
    more: bool


async def poll(database: Database, leases: Mapping[Shard, Lease], in_hand: InHand) -> Polled:
    """Takes in hand what is due of these shards, as far as there is room. Raises DatabaseUnavailable or Overloaded."""
    most = {
        shard: min(LOOKED_AT_MAX, room + LOOKED_BEYOND)
        for shard in leases
        if (room := in_hand.room(shard.subscription_id)) > 0
    }
    if not most:
        return Polled(handed=[], more=False)
    async with database.reading() as connection:
        found = await deliveries.due(connection, most, in_hand.ids)
        blocked = [one for one in found if one.delivery_id != one.head_id]
        if blocked:
            await deliveries.block(connection, blocked)
        chosen = _chosen([one for one in found if one.delivery_id == one.head_id], in_hand)
        rows = await deliveries.events(connection, chosen) if chosen else []
    handed = [_handed(row, chosen[row["delivery_id"]], leases) for row in rows]
    for one in handed:
        in_hand.put(one)
    return Polled(handed=handed, more=bool(blocked))


def _chosen(heads: list[Found], in_hand: InHand) -> dict[UUID, Found]:
    """As many as there is room for, those due longest first."""
    room: dict[UUID, int] = {}
    chosen: dict[UUID, Found] = {}
    for head in heads:
        subscription_id = head.shard.subscription_id
        left = room.setdefault(subscription_id, in_hand.room(subscription_id))
        if left > 0 and not in_hand.has_line(subscription_id, head.aggregate_id):
            room[subscription_id] = left - 1
            chosen[head.delivery_id] = head
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
