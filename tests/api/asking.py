"""Asks the ASGI app as a server would, message by message, so that tests see what was read and what was sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import msgspec

from vendorpay.adapters.jwks import JwksCache
from vendorpay.adapters.local_issuer import AUDIENCE, ISSUER, LocalIssuer
from vendorpay.adapters.token_verifier import JwtVerifier
from vendorpay.api import examples
from vendorpay.api.app import App, Message, build
from vendorpay.api.rate_limits import RateLimits
from vendorpay.domain.errors import VendorPayError
from vendorpay.entrypoints.ids import new_id, system_now
from vendorpay.store.db import Database
from vendorpay.usecases.command import Command, Commands, Done
from vendorpay.usecases.deps import Deps

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
NO_CLAIMS: Mapping[str, Any] = {}
JSON = {"content-type": "application/json"}


@dataclass
class Desk:
    """Takes commands in and answers them all alike: for tests of what the edge hands in, before any database."""

    answer: Done | VendorPayError | Exception = field(
        default_factory=lambda: Done(answer=msgspec.json.encode(examples.PAYMENT), payment_id=None)
    )
    taken: list[Command] = field(default_factory=list)

    async def submit(self, command: Command) -> Done:
        self.taken.append(command)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def submit_all(self, commands: Sequence[Command]) -> list[Done]:
        return [await self.submit(command) for command in commands]

    async def submit_each(self, commands: Sequence[Command]) -> list[Done | Exception]:
        self.taken += commands
        return [self.answer for _ in commands]


@dataclass
class Answered:
    """What the app sent."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def code(self) -> str:
        """The problem's code; the body must be a whole one."""
        problem = self.json
        assert self.headers["content-type"] == "application/problem+json"
        assert problem["status"] == self.status
        assert problem["requestId"] == self.headers["x-request-id"]
        assert problem["type"].endswith(problem["code"])
        assert problem["title"]
        assert problem["detail"]
        return str(problem["code"])

    @property
    def faults(self) -> dict[str, str]:
        return {fault["field"]: fault["message"] for fault in self.json["errors"]}


@dataclass
class Caller:
    """Sends requests with a role's token to an app, and counts how much of each body was asked for."""

    app: App
    issuer: LocalIssuer
    reads: int = 0

    def token(self, role: str, *, sub: str = examples.CREATOR, ttl: timedelta = timedelta(hours=1), **more: Any) -> str:
        return self.issuer.mint(sub=sub, role=role, ttl=ttl, now=NOW, jti=str(uuid4()), **more)

    async def ask(
        self,
        method: str,
        target: str,
        *,
        role: str | None = "admin",
        sub: str = examples.CREATOR,
        claims: Mapping[str, Any] = NO_CLAIMS,
        body: Any = None,
        chunks: Sequence[bytes] | None = None,
        headers: dict[str, str] | Sequence[tuple[str, str]] = (),
        gone: bool = False,
    ) -> Answered:
        """`body` is sent as JSON with its Content-Type unless it is bytes; `gone` hangs up after the chunks."""
        pairs = [*(headers.items() if isinstance(headers, dict) else headers)]
        if role is not None:
            pairs.append(("Authorization", f"Bearer {self.token(role, sub=sub, **claims)}"))
        if body is not None and not isinstance(body, bytes):
            body = msgspec.json.encode(body)
            pairs.append(("Content-Type", "application/json"))
        pieces = list(chunks) if chunks is not None else [body or b""]
        return await self._exchange(method, target, pairs, pieces, gone)

    async def _exchange(
        self, method: str, target: str, pairs: Sequence[tuple[str, str]], pieces: list[bytes], gone: bool
    ) -> Answered:
        path, _, query = target.partition("?")
        headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in pairs]

        def reading() -> None:
            self.reads += 1

        return await exchange(
            self.app, method, path.encode("latin-1"), query.encode("latin-1"), headers, pieces, gone, reading
        )


async def exchange(
    app: App,
    method: str,
    path: bytes,
    query: bytes,
    headers: Sequence[tuple[bytes, bytes]],
    pieces: list[bytes],
    gone: bool = False,
    reading: Callable[[], None] = lambda: None,
) -> Answered:
    """One request, its body in pieces; `gone` hangs up after them, `reading` is told of each that is asked for."""
    scope: Message = {
        "type": "http",
        "method": method,
        "path": path.decode("latin-1"),
        "raw_path": path,
        "query_string": query,
        "headers": headers,
    }
    sent: list[Message] = []

    async def receive() -> Message:
        reading()
        if not pieces:
            return {"type": "http.disconnect"}
        chunk = pieces.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(pieces) or gone}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    if not sent:
        return Answered(0, {}, b"")
    start, end = sent
    return Answered(start["status"], {n.decode(): v.decode() for n, v in start["headers"]}, end["body"])


async def opened(
    issuer: LocalIssuer, commands: Commands, database: Database | None = None, *, limits: RateLimits | None = None
) -> Caller:
    """A caller of an app on these commands; without a database for tests of what comes before one."""
    verifier = JwtVerifier(
        JwksCache(issuer.jwks, monotonic=lambda: 0.0), issuer=ISSUER, audience=AUDIENCE, now=NOW.timestamp
    )
    deps = Deps(
        database=cast(Database, database),
        commands=commands,
        now=system_now,
        new_id=new_id,
        event_sources=frozenset({"roadcall.incident-service"}),
    )
    app = build(deps, verifier, limits=limits)
    await app.open()
    return Caller(app, issuer)
