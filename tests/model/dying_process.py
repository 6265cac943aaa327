"""A process of the service, all but its web server: its lines break, and it dies, at chosen steps of a batch."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar
from weakref import WeakSet

import psycopg
from psycopg import AsyncConnection, AsyncPipeline
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow

from tests.api.asking import NOW, Answered, Caller
from tests.tally import count
from tests.usecases.world import Clock
from vendorpay.adapters.jwks import JwksCache
from vendorpay.adapters.local_issuer import AUDIENCE, ISSUER, LocalIssuer
from vendorpay.adapters.token_verifier import JwtVerifier
from vendorpay.api.app import build
from vendorpay.api.service import Service
from vendorpay.entrypoints.ids import new_id, new_salt
from vendorpay.store.db import Database, _hang_up
from vendorpay.usecases.carry_out import WritePath
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.group_commit import GroupCommit

RACES_S = (0.0, 0.000_3, 0.001, 0.003)
"""How long after COMMIT was sent the line is cut, where the two race."""


class Step(Enum):
    """Where a batch is when it is struck."""

    BEGUN = "before anything is claimed"
    CLAIMED = "locks are held, nothing is written"
    WRITTEN = "rows are written, COMMIT is not sent"
    SENT = "COMMIT is on its way"
    COMMITTED = "committed, and nobody was told"
    ASKED = "the fate of a COMMIT is being asked for"


class Blow(Enum):
    """What strikes."""

    CUT = "the line to the server breaks"
    TERMINATED = "the server ends the session"
    DIED = "the process is killed"


@dataclass(frozen=True)
class Fault:
    """One blow at one step."""

    step: Step
    blow: Blow
    race: int = 0


@dataclass
class Faults:
    """Blows to come, in their order; the next one waits for its step."""

    terminate: Callable[[int], None]
    plan: deque[Fault] = field(default_factory=deque)
    struck: list[Fault] = field(default_factory=list)
    died: asyncio.Event = field(default_factory=asyncio.Event)
    lines: WeakSet[Line] = field(default_factory=WeakSet)

    def take(self, step: Step) -> Fault | None:
        """The next blow, when this is its step."""
        if not self.plan or self.plan[0].step is not step:
            return None
        fault = self.plan.popleft()
        self.struck.append(fault)
        count("model blows", where=f"{fault.blow.name} when {step.name}".lower())
        return fault

    async def strike(self, line: Line, step: Step) -> None:
        """Strikes, when this is the step to do it."""
        fault = self.take(step)
        if fault is None:
            return
        if fault.blow is Blow.DIED:
            for one in [*self.lines]:
                _hang_up(one)
            self.died.set()
            await asyncio.Event().wait()  # nothing goes on in a process that is dead
        blow = self._terminated if fault.blow is Blow.TERMINATED else _hang_up
        if step is Step.SENT:
            asyncio.get_running_loop().call_later(RACES_S[fault.race % len(RACES_S)], blow, line)
            return
        blow(line)
        if step is Step.COMMITTED and fault.blow is Blow.CUT:
            raise psycopg.OperationalError("the answer to COMMIT was lost")

    def _terminated(self, line: Line) -> None:
        if not line.closed:
            self.terminate(line.info.backend_pid)


class Line(AsyncConnection[DictRow]):
    """A connection that is struck where a batch stands."""

    faults: ClassVar[Faults]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.faults.lines.add(self)

    @asynccontextmanager
    async def pipeline(self) -> AsyncIterator[AsyncPipeline]:
        claiming = self.info.transaction_status is TransactionStatus.IDLE
        if claiming:
            await self.faults.strike(self, Step.BEGUN)
        async with super().pipeline() as pipeline:
            yield pipeline
            if not claiming:
                await self.faults.strike(self, Step.SENT)
        await self.faults.strike(self, Step.CLAIMED if claiming else Step.COMMITTED)

    async def execute(self, query: Any, *parameters: Any, **named: Any) -> Any:
        if query == b"COMMIT" and self.faults.plan and self.faults.plan[0].step is Step.WRITTEN:
            async with super().pipeline():  # at its end, what was sent before has been answered
                pass
            await self.faults.strike(self, Step.WRITTEN)
        if isinstance(query, bytes) and b"pg_xact_status" in query:
            await self.faults.strike(self, Step.ASKED)
        return await super().execute(query, *parameters, **named)


class Process:
    """The service on its own pool and queue; after its death only another one can be opened."""

    def __init__(self, url: str, issuer: LocalIssuer, clock: Clock, terminate: Callable[[int], None]) -> None:
        self.faults = Faults(terminate)
        self.clock = clock
        self.database = Database(url, pool_size=4)
        self.database._pool.connection_class = type("LineOfProcess", (Line,), {"faults": self.faults})
        self.group = GroupCommit(WritePath(database=self.database, now=clock, new_id=new_id, new_salt=new_salt))
        self._verifier = JwtVerifier(
            JwksCache(issuer.jwks, monotonic=lambda: 0.0), issuer=ISSUER, audience=AUDIENCE, now=NOW.timestamp
        )
        self._issuer = issuer

    async def open(self) -> Process:
        """Begins to work."""
        await self.database._pool.open(wait=False)
        return self

    def configure(self, *, sources: frozenset[str], required_approvals: int) -> None:
        """Serves under these settings from now on."""
        self.deps = Deps(
            database=self.database,
            commands=self.group,
            now=self.clock,
            new_id=new_id,
            event_sources=sources,
            required_approvals=required_approvals,
        )
        app = build(self.deps, self._verifier)
        # As its `open` does, but for the document: that takes a tenth of a second to make, and nobody reads it here.
        app._service = Service(deps=self.deps, verifier=self._verifier, document=b"{}")
        self._caller = Caller(app, self._issuer)

    async def ask(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answered | None:
        """The answer; None when the process died meanwhile."""
        asking = asyncio.ensure_future(self._caller.ask(method, path, role=None, body=body, headers=headers))
        if not any(fault.blow is Blow.DIED for fault in self.faults.plan):
            return await asking
        dying = asyncio.ensure_future(self.faults.died.wait())
        await asyncio.wait((asking, dying), return_when=asyncio.FIRST_COMPLETED)
        for one in (asking, dying):
            one.cancel()
        ended, _ = await asyncio.gather(asking, dying, return_exceptions=True)
        if self.faults.died.is_set():
            await self._bury()
            return None
        assert isinstance(ended, Answered), ended
        return ended

    async def _bury(self) -> None:
        tasks = [*self.group._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for line in [*self.faults.lines]:
            await line.close()
        await self.database.close()

    async def close(self) -> None:
        """Finishes what it holds, and ends."""
        self.faults.plan.clear()
        await self.group.aclose()
        await self.database.close()
