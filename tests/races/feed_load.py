"""Transactions of every size and fate that write events, and readers of the feed that miss nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from uuid import UUID

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from tests.database import DatabaseUrls, new_id, now
from tests.usecases.world import a_caller
from vendorpay.domain.feed import Envelope
from vendorpay.domain.roles import Role
from vendorpay.usecases import read_feed
from vendorpay.usecases.deps import Deps

ORGS = ("north", "south")
Event = tuple[UUID, int]
"""An aggregate and a sequence."""

# The next events of an aggregate, under a lock of its own, as a payment's are under its row's.
WRITE_EVENTS = """
CREATE FUNCTION write_events(org text, id uuid, many integer) RETURNS SETOF integer LANGUAGE plpgsql AS $$
DECLARE last integer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(id::text, 7));
    SELECT coalesce(max(sequence), 0) INTO last FROM outbox WHERE aggregate_id = id;
    RETURN QUERY INSERT INTO outbox (org_id, aggregate_type, aggregate_id, sequence, event_id, event_type, detail,
                                     occurred_at)
        SELECT org, 'vendor', id, last + n, gen_random_uuid(), 'VendorChanged',
               json_build_object('vendorId', id, 'sequence', last + n), now() FROM generate_series(1, many) AS n
        RETURNING sequence;
END $$;
"""


def prepare(urls: DatabaseUrls) -> None:
    """Puts the function that writes events into the database."""
    with psycopg.connect(urls.owner, autocommit=True) as owner:
        owner.execute(WRITE_EVENTS.encode())


def an_aggregate() -> UUID:
    """An id for an aggregate of its own."""
    return new_id(now())


class Writer:
    """One session that writes events of an organisation, and knows which were committed."""

    def __init__(self, connection: AsyncConnection[TupleRow], org: str) -> None:
        self.connection = connection
        self.org = org
        self.committed: list[Event] = []
        self._written: list[Event] = []

    @classmethod
    @asynccontextmanager
    async def open(cls, urls: DatabaseUrls, org: str = ORGS[0]) -> AsyncIterator[Writer]:
        async with await AsyncConnection.connect(urls.app, autocommit=True) as connection:
            yield cls(connection, org)

    async def begin(self) -> None:
        """Begins a transaction, which gets its number at once: before others that write sooner."""
        await self.connection.execute("BEGIN")
        await self.connection.execute("SELECT pg_current_xact_id()")

    async def write(self, aggregate: UUID, many: int = 1) -> None:
        """The aggregate's next events; waits for whoever is writing some."""
        cursor = await self.connection.execute("SELECT write_events(%s, %s, %s)", [self.org, aggregate, many])
        self._written += [(aggregate, sequence) for (sequence,) in await cursor.fetchall()]

    async def write_in_vain(self, aggregate: UUID, many: int = 1) -> None:
        """The same in a savepoint that is rolled back."""
        await self.connection.execute("SAVEPOINT s")
        await self.connection.execute("SELECT write_events(%s, %s, %s)", [self.org, aggregate, many])
        await self.connection.execute("ROLLBACK TO s")

    async def commit(self) -> None:
        await self.connection.execute("COMMIT")
        self.committed += self._written
        self._written = []

    async def roll_back(self) -> None:
        await self.connection.execute("ROLLBACK")
        self._written = []

    async def one(self, aggregate: UUID, many: int = 1) -> None:
        """A transaction of nothing else."""
        await self.begin()
        await self.write(aggregate, many)
        await self.commit()


async def any_transaction(writer: Writer, shared: Sequence[UUID], chance: Random) -> None:
    """A transaction of random size, duration and fate."""
    await writer.begin()
    kind = chance.random()
    if kind < 0.1:
        await asyncio.sleep(chance.random() * 0.05)  # with an early number, it writes after later ones
    if kind > 0.9:
        await writer.write(an_aggregate(), 3)
        await asyncio.sleep(chance.random() * 0.3)  # and many others begin and end meanwhile
    for aggregate in sorted(chance.sample(shared, chance.randint(1, 3))):
        if chance.random() < 0.15:
            await writer.write_in_vain(aggregate, chance.randint(1, 4))
        await writer.write(aggregate, chance.randint(1, 3))
    if chance.random() < 0.2:
        await writer.roll_back()
    else:
        await writer.commit()


@dataclass
class Reader:
    """Reads an organisation's feed as GET /events does, once and in one go, and insists on every position."""

    deps: Deps
    org: str
    position: int = 0
    events: list[Envelope] = field(default_factory=list)

    async def read_on(self, limit: int) -> bool:
        """One page; whether there was something on it."""
        caller = a_caller(Role.SERVICE, org_id=self.org)
        page = await read_feed.page(self.deps, caller, after=self.position, limit=limit)
        assert [event.position for event in page.events] == [
            self.position + number for number in range(1, len(page.events) + 1)
        ], f"after {self.position}"
        assert page.position == self.position + len(page.events)
        self.position = page.position
        self.events += page.events
        return bool(page.events)
