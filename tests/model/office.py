"""Two processes on one database, with a clock that jumps, and everything that can be read of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from tests.api.asking import NOW, Answered
from tests.database import DatabaseUrls, moving, stored, write
from tests.model.contract_model import Answer, Model
from tests.model.contract_tables import ROUTES, Person, Request, Row
from tests.model.dying_process import Fault, Process
from tests.usecases.world import Clock
from vendorpay.adapters.local_issuer import LocalIssuer
from vendorpay.store.sequencer import PassOutcome, Stream
from vendorpay.usecases import upkeep
from vendorpay.usecases.number_positions import Numbering
from vendorpay.usecases.verify_audit import verify

PATIENCE_S = 30.0
"""A blow leaves a server process behind that lets go of key and row when it gets to it."""
PASSES_MAX = 50
KEYS_LIVE = timedelta(days=30)
BEGAN_BEFORE = timedelta(days=100, minutes=30)
"""The service's clock begins so long ago: keys can outlive their time by it and by the server's clock, which is real.
Jumps are of whole hours, so that no key ends within half an hour of the 30 days."""
NOT_YET = frozenset({"database_unavailable", "overloaded", "idempotency_in_flight"})


@dataclass
class Told:
    """An answer, and whether it took more than one request to get it."""

    answered: Answered
    retried: bool

    def learned(self) -> Answer:
        """The answer as the model gives it: of problems the code, of rejected events that there is a reason."""
        replayed = self.answered.headers.get("idempotent-replayed") == "true"
        return Answer(self.answered.status, _learned(self.answered.json), replayed)


def _learned(body: Any) -> Any:
    if not isinstance(body, dict):
        return body
    if "code" in body and "requestId" in body:
        return {name: body[name] for name in ("code", "existingPaymentId") if name in body}
    if "results" in body:
        return {"results": [_learned(one) for one in body["results"]]}
    if "problem" in body:
        return {**body, "problem": _learned(body["problem"])}
    if body.get("result") == "rejected":
        assert body["reason"], "a rejected event has a reason"
        return {name: body[name] for name in ("id", "result")}
    return body


class Office:
    """The service, and what a test holds in its hands."""

    def __init__(self, urls: DatabaseUrls, issuer: LocalIssuer) -> None:
        self.clock = Clock()
        self._urls, self._issuer = urls, issuer
        self._tokens: dict[Person, str] = {}
        self._settings: Row = {"sources": frozenset(), "required_approvals": 1}
        self._superuser = psycopg.connect(urls.superuser, autocommit=True)
        self._app = psycopg.connect(urls.app)
        self.processes: list[Process] = []

    async def open(self) -> None:
        """Begins to work."""
        self.processes = [await self._process() for _ in range(2)]

    async def close(self) -> None:
        """Ends."""
        for process in self.processes:
            await process.close()
        self._superuser.close()
        self._app.close()

    async def _process(self) -> Process:
        process = Process(self._urls.app, self._issuer, self.clock, self._terminate)
        await process.open()
        process.configure(**self._settings)
        return process

    def _terminate(self, pid: int) -> None:
        self._superuser.execute("SELECT pg_terminate_backend(%s)", [pid])

    def begin(self) -> None:
        """Sets the clock back to its beginning, for a new history."""
        self.clock.at = datetime.now(UTC) - BEGAN_BEFORE

    def configure(self, model: Model) -> None:
        """The settings of the model, in every process."""
        self._settings = {"sources": model.sources, "required_approvals": model.required_approvals}
        for process in self.processes:
            process.configure(**self._settings)

    # --- asking --------------------------------------------------------------------------------------------------

    async def ask(self, request: Request, number: int, faults: Sequence[Fault] = ()) -> Told:
        """The answer to a request. When it is lost, or there is none yet, the client asks again, as clients do."""
        self.processes[number].faults.plan.extend(faults)
        until = asyncio.get_running_loop().time() + PATIENCE_S
        tries = 0
        while True:
            answered = await self._asked(request, number)
            if answered is not None and not (faults and _not_yet(answered)):
                self.processes[number].faults.plan.clear()
                return Told(answered, retried=tries > 0)
            assert asyncio.get_running_loop().time() < until, f"no answer to {request}"
            await asyncio.sleep(min(0.1, 0.002 * tries))
            tries += 1

    async def _asked(self, request: Request, number: int) -> Answered | None:
        headers = self._headers(request.person)
        if (raw := request.raw) or request.body is not None:
            headers["Content-Type"] = "application/json"
        if request.key is not None:
            headers["Idempotency-Key"] = request.key
        if request.if_match is not None:
            headers["If-Match"] = request.if_match
        process = self.processes[number]
        answered = await process.ask(ROUTES[request.action].method, request.path, headers, raw)
        if answered is None:
            plan = process.faults.plan
            self.processes[number] = await self._process()
            self.processes[number].faults.plan.extend(plan)
        return answered

    def _headers(self, person: Person) -> dict[str, str]:
        if person not in self._tokens:
            about: Row = {"org": person.org, "vendor": person.vendor, "jti": f"{person.org} {person.sub}"}
            self._tokens[person] = self._issuer.mint(
                sub=person.sub, role=person.role, ttl=timedelta(hours=1), now=NOW, **about
            )
        return {"Authorization": f"Bearer {self._tokens[person]}"}

    async def get(self, person: Person, path: str, number: int = 0) -> Answered:
        """The answer to a question. A blow may come late and strike a line that somebody reads on: they ask again."""
        until = asyncio.get_running_loop().time() + PATIENCE_S
        while True:
            process = self.processes[number]
            answered = await process.ask("GET", path, self._headers(person), b"")
            assert answered is not None
            if answered.status != 503 or not process.faults.struck:
                return answered
            assert asyncio.get_running_loop().time() < until, f"no answer to GET {path}"
            await asyncio.sleep(0.005)

    async def payments(self, person: Person, ids: Iterable[str]) -> dict[str, Row]:
        """Payments as somebody reads them now."""
        return {one: (await self.get(person, f"/payments/{one}")).json for one in ids}

    async def whole_list(self, person: Person, path: str, name: str, limit: int = 7) -> list[Row]:
        """Every element of a list, page by page."""
        found: list[Row] = []
        cursor = ""
        while True:
            page = (await self.get(person, f"{path}?limit={limit}{cursor}")).json
            assert len(page[name]) <= limit
            found += page[name]
            following = page.get("nextCursor") or page.get("pagination", {}).get("nextCursor")
            if following is None:
                return found
            cursor = f"&cursor={following}"

    # --- what is done behind the API ------------------------------------------------------------------------------

    def pay_out(self, payment_id: str, target: str) -> str:
        """Moves a payment on as a payout would, by the rows it would write; when that was."""
        at = self.clock()
        with self._app.transaction():
            rows = moving({**stored(self._app, UUID(payment_id)), "updated_at": at}, target)
            rows.sets = {**(rows.sets or {}), "updated_at": at}
            write(self._app, rows)
        return at.isoformat().replace("+00:00", "Z")

    async def let_keys_end(self) -> datetime:
        """Upkeep, a month later by the clock of the server: before which moment of ours keys are gone."""
        self._superuser.execute("UPDATE commands SET recorded_at = recorded_at - interval '31 days'")
        while await upkeep.step(self.processes[0].deps):
            pass
        return datetime.now(UTC) - KEYS_LIVE

    async def number(self) -> None:
        """Gives everything that is committed its position."""
        numbering = Numbering(self.processes[0].database)
        for stream in Stream:
            for _ in range(PASSES_MAX):
                if (await numbering.number(stream)).outcome is not PassOutcome.MORE:
                    break
            else:
                raise AssertionError(f"{stream} is not numbered after {PASSES_MAX} passes")

    async def tampered(self) -> Sequence[Any]:
        """What the audit's verifier finds wrong in everything there is."""
        report = await verify(self.processes[0].database, None)
        return () if report.clean else (report,)

    def rows(self, statement: str, *parameters: Any) -> list[Row]:
        """What the tables hold."""
        with self._superuser.cursor(row_factory=dict_row) as cursor:
            return [dict(row) for row in cursor.execute(statement.encode(), parameters).fetchall()]


def _not_yet(answered: Answered) -> bool:
    """Whether the answer, or that to a part of it, is that the client should ask again."""
    body = answered.json
    parts = [body, *(one.get("problem", {}) for one in body.get("results", ()) if "index" in one)]
    return any(part.get("code") in NOT_YET for part in parts)
