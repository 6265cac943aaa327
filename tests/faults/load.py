"""Clients that create, decide and publish at once, and write down what they asked for and what they were answered."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx

from tests.scenarios.asking import Office, new_payment, work_completed

CREATORS, PUBLISHERS = 6, 2
EVENTS_MAX = 6
RETRY_PAUSE_S = 0.05
ANSWER_S_MAX = 60.0
IMPATIENT_S = (0.002, 0.03)
"""How long somebody waits who hangs up in the middle."""


@dataclass(eq=False)
class Asked:
    """One request; `answer` stays None when nobody knows what became of it. `tries` counts those that were sent."""

    operation: str
    path: str
    body: dict[str, Any]
    caller: str
    key: str | None
    answer: dict[str, Any] | None = None
    raw: bytes = b""
    tries: int = 0


@dataclass(eq=False)
class Published:
    """One event; `result` is its own answer in the first whole answer of its batch."""

    event: dict[str, Any]
    result: dict[str, Any] | None = None
    tries: int = 0


@dataclass
class Notes:
    """Everything that was asked for, by all clients of a run and of the runs before."""

    creations: list[Asked] = field(default_factory=list)
    decisions: list[Asked] = field(default_factory=list)
    events: list[Published] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def answers(self) -> int:
        """How many requests and events were answered with success."""
        asked = [*self.creations, *self.decisions]
        return sum(each.answer is not None for each in asked) + sum(each.result is not None for each in self.events)


class Load:
    """The clients. They go on until `stop`, then finish what they may repeat."""

    def __init__(self, url: str, office: Office, notes: Notes, rng: random.Random) -> None:
        self.notes = notes
        self._office = office
        self._rng = rng
        self._stopping = False
        self._client = httpx.AsyncClient(base_url=url, trust_env=False, verify=False, timeout=20)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        work: Sequence[Callable[[], Awaitable[None]]] = [
            *[self._create] * CREATORS,
            *[self._publish] * PUBLISHERS,
        ]
        self._tasks = [asyncio.create_task(self._until_stopped(one)) for one in work]

    async def reach(self, more: int) -> None:
        """Returns when so many more requests were answered; a client's failure is raised here."""
        goal = self.notes.answers() + more
        async with asyncio.timeout(ANSWER_S_MAX):
            while self.notes.answers() < goal:
                for task in self._tasks:
                    if task.done():
                        task.result()
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Returns when every request that may be repeated is answered."""
        self._stopping = True
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                await asyncio.gather(*self._tasks)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._client.aclose()

    async def _until_stopped(self, work: Callable[[], Awaitable[None]]) -> None:
        while not self._stopping:
            await work()

    async def _create(self) -> None:
        # No more than 1,000.00 in all: what one person approves.
        prices = [self._rng.randint(1, 12_500) for _ in range(self._rng.randint(1, 4))]
        lines = [{"description": "Work", "quantity": 2, "unitPriceCents": price} for price in prices]
        body = new_payment(amountCents=2 * sum(prices), lineItems=lines)
        creator = self._office.creator
        created = Asked("create_payment", "/payments", body, creator.sub, self._key())
        self.notes.creations.append(created)
        await self._ask(created, creator.token, {201})
        if created.answer is not None and self._rng.random() < 0.6:
            await self._decide(created.answer["paymentId"])

    async def _decide(self, payment_id: str) -> None:
        reason = {"reason": f"because {payment_id}"}
        who, verb, body = self._rng.choice(
            [
                (self._office.reviewer, "approve", {"notes": "looks right"}),
                (self._office.reviewer, "reject", reason),
                (self._office.admin, "cancel", reason),
            ]
        )
        decided = Asked(f"{verb}_payment", f"/payments/{payment_id}/{verb}", body, who.sub, self._key())
        self.notes.decisions.append(decided)
        await self._ask(decided, who.token, {200})

    async def _publish(self) -> None:
        batch = [
            Published(work_completed(base=self._rng.randint(1, 90_000), mileage=self._rng.choice([0, 2_500])))
            for _ in range(self._rng.randint(1, EVENTS_MAX))
        ]
        self.notes.events.extend(batch)
        publisher = self._office.publisher
        body = {"events": [each.event for each in batch]}
        asked = Asked("record_event", "/events", body, publisher.sub, self._key())
        while asked.answer is None:  # with or without a key: an event is known by its id
            await self._ask(asked, publisher.token, {202})
        for published, result in zip(batch, asked.answer["results"], strict=True):
            published.result, published.tries = result, asked.tries

    def _key(self) -> str | None:
        return str(UUID(int=self._rng.getrandbits(128), version=4)) if self._rng.random() < 0.5 else None

    async def _ask(self, asked: Asked, token: str, success: set[int]) -> None:
        """Once without a key; with one until there is an answer."""
        content = json.dumps(asked.body["events"] if asked.operation == "record_event" else asked.body).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        if asked.key is not None:
            headers["Idempotency-Key"] = asked.key
        while True:
            answer = await self._try(asked, content, headers)
            if answer is not None and answer.status_code in success:
                asked.answer, asked.raw = answer.json(), answer.content
                return
            if answer is not None:
                self.notes.wrong.append(f"{asked.operation}: {answer.status_code} {answer.text}")
                raise AssertionError(self.notes.wrong[-1])
            await asyncio.sleep(RETRY_PAUSE_S)
            if asked.key is None:
                return

    async def _try(self, asked: Asked, content: bytes, headers: dict[str, str]) -> httpx.Response | None:
        """An answer that stands; None when another try must tell. Some hang up before they are answered."""
        impatient = asked.key is not None and self._rng.random() < 0.1
        patience = httpx.Timeout(self._rng.uniform(*IMPATIENT_S) if impatient else 20)
        try:
            answer = await self._client.post(asked.path, content=content, headers=headers, timeout=patience)
        except httpx.ConnectError:
            return None  # it was never sent
        except httpx.TransportError:
            asked.tries += 1
            return None
        asked.tries += 1
        if answer.status_code == 503:
            assert answer.headers["Retry-After"]
            return None
        if answer.status_code == 409 and answer.json()["code"] == "idempotency_in_flight":
            return None
        return answer
