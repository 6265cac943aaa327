"""A relay's leases: its fair share of the shards, kept, taken over from relays that died, given back in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Final

from vendorpay.store import relay_leases
from vendorpay.store.db import Connection, Database
from vendorpay.store.relay_leases import Lease, LineStanding, Shard

LEASE_S: Final = 6.0
"""Not to be more than doubled or halved by a release: relays of both versions run beside each other for a while, and a
lease that ends further ahead than twice this long counts as one from before the database's clock was put back."""
RENEWALS_PER_LEASE: Final = 3


def fair_share(leases: int, relays: int, before: int) -> int:
    """How many of a line's leases one of its relays should hold; the first ones by name hold the odd ones."""
    return leases // relays + (before < leases % relays)


class Leases:
    """What one relay holds. `lines` are those it can serve; `is_busy` tells of a shard whether it has work in hand."""

    def __init__(
        self,
        database: Database,
        holder: str,
        lines: Collection[str],
        is_busy: Callable[[Shard], bool],
        *,
        lease_s: float = LEASE_S,
    ) -> None:
        self._database = database
        self._holder = holder
        self._lines = frozenset(lines)
        self._is_busy = is_busy
        self._lease_s = lease_s
        self._held: dict[Shard, Lease] = {}
        self._leaving: set[Shard] = set()
        self._doubted: set[Shard] = set()
        self._sure_until = 0.0

    def usable(self) -> dict[Shard, Lease]:
        """The leases under which deliveries may begin: none while it is not sure that they are still ours."""
        if asyncio.get_running_loop().time() >= self._sure_until:
            return {}
        return {shard: lease for shard, lease in self._held.items() if shard not in self._leaving | self._doubted}

    def still(self, lease: Lease) -> bool:
        """Whether the lease is the one that is held, as far as is known here; the database has the last word."""
        own = self._held.get(lease.shard)
        return own is not None and own.epoch == lease.epoch and asyncio.get_running_loop().time() < self._sure_until

    def doubt(self, shard: Shard) -> None:
        """Begins nothing more of a shard until it is known whose it is: the database did not take a result of ours."""
        self._doubted.add(shard)

    async def keep(self) -> None:
        """Renews what is held, gives back what is too much, takes what is missing.

        A shard with something under way is given back later: it gets nothing new, and the next call finds it idle.
        """
        began = asyncio.get_running_loop().time()
        async with self._database.reading() as connection:
            await relay_leases.lay_out(connection)
            await relay_leases.appear(connection, self._holder, self._lines, self._lease_s)
            renewed = await relay_leases.renew(connection, self._holder, list(self._held.values()), self._lease_s)
            self._held = {lease.shard: lease for lease in renewed}
            # Counted from before the database did: a lease must end here no later than there.
            self._sure_until = began + self._lease_s
            self._doubted.clear()
            leaving = {lease.shard for lease in renewed if not lease.active}
            for line in await relay_leases.standing_of_lines(connection, self._holder, self._lines, self._lease_s):
                leaving.update(await self._share(connection, line))
            self._leaving = leaving
            await self._let_go(connection, [shard for shard in leaving if not self._is_busy(shard)])

    async def give_back(self) -> None:
        """Gives everything back, so that others need not wait for it to run out: by name, for a `keep` that was
        cancelled may have taken more than it heard of.
        """
        async with self._database.reading() as connection:
            await relay_leases.release_all(connection, self._holder)
            self._held.clear()
            self._leaving.clear()
            await relay_leases.disappear(connection, self._holder)

    async def _share(self, connection: Connection, line: LineStanding) -> list[Shard]:
        """Takes what is missing of a line; or says which shards are too much, idle ones first."""
        mine = [lease.shard for lease in self._held.values() if lease.line == line.line and lease.active]
        excess = len(mine) - fair_share(line.leases, line.relays, line.before)
        if excess < 0:
            for lease in await relay_leases.take(connection, self._holder, line.line, -excess, self._lease_s):
                self._held[lease.shard] = lease
        return sorted(mine, key=self._is_busy)[: max(0, excess)]

    async def _let_go(self, connection: Connection, shards: Collection[Shard]) -> None:
        if shards:
            await relay_leases.release(connection, self._holder, [self._held[shard] for shard in shards])
        for shard in shards:
            del self._held[shard]
            self._leaving.discard(shard)
