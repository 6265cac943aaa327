"""Our own use cases as consumers of our own events: each event becomes at most one command, carried out exactly once.

The relay delivers at least once, and in the order of each aggregate. The command settles the event in its consumer's
inbox, in the transaction of its effect: so a repeated delivery changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from inspect import isawaitable
from typing import Final
from uuid import UUID

from vendorpay import observe
from vendorpay.domain.errors import VendorPayError
from vendorpay.domain.feed import FeedEvent
from vendorpay.domain.retries import CONSUMERS
from vendorpay.store import relay_leases
from vendorpay.store.claims import EventClaim
from vendorpay.usecases.command import Command, SettledEvent
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.relay_results import NOBODYS_FAULT
from vendorpay.usecases.relay_target import AttemptLog, Delivered, Due, Failed, Result

SHARDS: Final = 16
AT_ONCE: Final = 512
"""How many events of one consumer are under way at once, in one relay: so many that what is read and written for a
hundred of them together is."""
GIVE_WAY_S_MAX: Final = 2.0
"""How long an event gives way to callers who press: what we do by ourselves may be late when everything is, but goes
on; and sooner than an approval that waits for its score gives up."""
GIVE_WAY_LOOK_S: Final = 0.25
CROWD_MAX: Final = 10
"""How many events go on together when they have given way for long enough; the others give way once more."""
CROWD_S: Final = 0.1
"""For how long they may."""

MakeCommand = Callable[[Deps, FeedEvent], Command | Awaitable[Command | None] | None]


@dataclass(frozen=True, kw_only=True)
class Route:
    """Which events a consumer wants, and what it does about one.

    `command` may read what it needs; it must not change anything. None: there is nothing to do. The command claims and
    settles the event (`claim_of`, `settled_by`), and does nothing where `facts.seen` says that this was done before.
    """

    consumer: str
    event_types: tuple[str, ...]
    command: MakeCommand
    shards: int = SHARDS


def claim_of(consumer: str, event: FeedEvent) -> EventClaim:
    """The event in the consumer's inbox."""
    return EventClaim(event.org_id, f"consumer:{consumer}", str(event.event_id))


def settled_by(consumer: str, event: FeedEvent) -> SettledEvent:
    """The event as acted on; the outcome that carries it names the payment it acted on."""
    return SettledEvent(claim=claim_of(consumer, event), event_type=event.event_type)


class ConsumerTarget:
    """Delivers to the consumers of a table of routes."""

    kind = "consumer"
    schedule = CONSUMERS

    def __init__(
        self,
        deps: Deps,
        routes: Iterable[Route],
        *,
        pressed: Callable[[], bool] = lambda: False,
        switched_off: Collection[str] = (),
    ) -> None:
        """`pressed` says whether callers crowd this process now, and come first; consumers of the table that are
        `switched_off` hear of nothing, and cost nothing.
        """
        self._deps = deps
        self._pressed = pressed
        self._switched_off = frozenset(switched_off)
        self._door = asyncio.Lock()
        self._crowd_left, self._crowd_until = 0, 0.0
        self._routes: Mapping[str, Route] = {
            route.consumer: route for route in routes if route.consumer not in self._switched_off
        }

    @property
    def names(self) -> frozenset[str]:
        """The consumers of the table that are switched on."""
        return frozenset(self._routes)

    async def prepare(self) -> None:
        """Makes the consumers' subscriptions what the table says; they get events from then on, and those that are
        switched off none.
        """
        for consumer in sorted(self._switched_off):
            async with self._deps.database.reading() as connection, connection.transaction():
                if await relay_leases.withdraw(connection, self.kind, consumer):
                    observe.info("a consumer was switched off", part=consumer)
        for route in self._routes.values():
            now = self._deps.now()
            async with self._deps.database.reading() as connection, connection.transaction():
                await relay_leases.announce(
                    connection,
                    self._deps.new_id(now),
                    self.kind,
                    route.consumer,
                    event_types=route.event_types,
                    shards=route.shards,
                    now=now,
                )

    async def at_once(self, subscription_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        """The same for every consumer."""
        return dict.fromkeys(subscription_ids, AT_ONCE)

    async def deliver(self, due: Due) -> Result:
        """Carries out the consumer's command for the event; what it was refused for is a failed try."""
        await self._give_way()
        began = asyncio.get_running_loop().time()
        try:
            command = await self._command(due)
            if command is not None:
                await self._deps.commands.submit(command)
        except NOBODYS_FAULT:
            raise
        except Exception as error:  # a bug of the consumer's must not hold up the relay
            reason = f"{error.code}: {error}" if isinstance(error, VendorPayError) else type(error).__name__
            observe.warning(
                "a consumer failed", part=due.subscription_name, event_id=due.event.event_id, **observe.facts_of(error)
            )
            duration_ms = round((asyncio.get_running_loop().time() - began) * 1000)
            return Failed(reason=reason, log=AttemptLog(duration_ms=duration_ms, error=reason))
        return Delivered()

    async def _give_way(self) -> None:
        """Returns when callers press no more, or when they were given way for long enough: then a crowd goes on, for
        many events together cost a fraction of what each costs alone.
        """
        if not self._pressed():
            return
        now = asyncio.get_running_loop().time
        async with self._door:  # in order of their coming
            if self._crowd_left == 0 or now() > self._crowd_until:
                until = now() + GIVE_WAY_S_MAX
                # Nobody tells when callers become fewer.
                while self._pressed() and now() < until:  # noqa: ASYNC110
                    await asyncio.sleep(GIVE_WAY_LOOK_S)
                self._crowd_left, self._crowd_until = CROWD_MAX, now() + CROWD_S
            self._crowd_left -= 1

    async def _command(self, due: Due) -> Command | None:
        route = self._routes[due.subscription_name]
        made = route.command(self._deps, due.event)
        command = await made if isawaitable(made) else made
        if command is not None and command.event_claim() != claim_of(route.consumer, due.event):
            raise TypeError(f"the command of {route.consumer} does not claim its event")
        return command
