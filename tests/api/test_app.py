"""The ASGI app: lifespan, headers, HEAD, clients that hang up, and going down in order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from tests.api.asking import JSON, Answered, Caller, Desk
from vendorpay.api import app as asgi_app
from vendorpay.api import examples
from vendorpay.api.app import App, Message, build
from vendorpay.ports import TokenVerifier
from vendorpay.usecases.deps import Deps

pytestmark = pytest.mark.anyio


async def test_every_answer_has_the_headers_that_all_have(caller: Caller) -> None:
    for target in ("/health/live", "/nowhere", "/payments"):
        answer = await caller.ask("GET", target, role=None)
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-length"] == str(len(answer.body))
        assert answer.headers["x-request-id"]


async def test_a_callers_request_id_is_kept_when_it_can_be_logged(caller: Caller) -> None:
    async def name(value: str) -> str:
        answer = await caller.ask("GET", "/health/live", headers={"X-Request-Id": value})
        return answer.headers["x-request-id"]

    assert await name("Root=1-67891233-abcdef") == "Root=1-67891233-abcdef"
    for unsafe in ("", "a b", "x" * 129, "a\r\nSet-Cookie: b", "é", '"}'):
        assert UUID(await name(unsafe)).version == 7


async def test_head_is_a_get_without_its_body(caller: Caller) -> None:
    whole: Answered = await caller.ask("GET", "/openapi.json", role=None)
    head = await caller.ask("HEAD", "/openapi.json", role=None)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.body))


async def test_a_client_that_hangs_up_in_its_body_does_nothing(caller: Caller, desk: Desk) -> None:
    answer = await caller.ask("POST", "/payments", chunks=[b'{"incidentId":'], gone=True, headers=JSON)
    assert (answer.status, answer.code) == (400, "malformed_json")  # for one who sent broken chunks, and still listens
    assert desk.taken == []


async def test_a_body_that_never_ends_gives_its_place_up(
    caller: Caller, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi_app, "BODY_S_MAX", 0.01)
    pieces = [{"type": "http.request", "body": b"{", "more_body": True}]
    sent: list[Message] = []

    async def receive() -> Message:
        return pieces.pop() if pieces else await asyncio.get_running_loop().create_future()

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"authorization", f"Bearer {caller.token('admin')}".encode()), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/payments", "query_string": b"", "headers": headers}
    await caller.app(scope, receive, send)
    assert sent[0]["status"] == 400
    assert b"its end did not come" in sent[1]["body"]
    assert desk.taken == []


async def test_a_client_that_hangs_up_before_the_answer_makes_no_noise(caller: Caller, desk: Desk) -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: Message) -> None:
        raise OSError("the connection is closed")

    token = caller.token("admin").encode()
    scope: Message = {
        "type": "http",
        "method": "POST",
        "path": f"/payments/{examples.PAYMENT_ID}/approve",
        "query_string": b"",
        "headers": [(b"authorization", b"Bearer " + token), (b"content-type", b"application/json")],
    }
    await caller.app(scope, receive, send)
    assert len(desk.taken) == 1


async def test_a_websocket_is_closed(caller: Caller) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await caller.app({"type": "websocket", "path": "/"}, receive, send)
    assert [message["type"] for message in sent] == ["websocket.close"]


async def test_the_lifespan_surrounds_the_serving_and_readiness_ends_first(caller: Caller) -> None:
    seen: list[str] = []
    service = caller.app._service
    assert service is not None

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        seen.append("opened")
        yield
        answer = await Caller(app, caller.issuer).ask("GET", "/health/ready", role=None)
        seen.append(f"{answer.status} {answer.code}")

    app = build(service.deps, service.verifier, lifespan)
    assert await _messages(app) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert seen == ["opened", "503 not_ready"]


async def test_an_app_that_cannot_open_says_so_and_stops(caller: Caller) -> None:
    service = caller.app._service
    assert service is not None

    def raise_away() -> None:
        raise ConnectionError("no database")

    @asynccontextmanager
    async def opening() -> AsyncIterator[tuple[Deps, TokenVerifier]]:
        raise_away()
        yield service.deps, service.verifier

    sent: list[str] = []
    with pytest.raises(ConnectionError):
        await _messages(App(opening), sent)
    assert sent == ["lifespan.startup.failed"]


async def _messages(app: App, sent: list[str] | None = None) -> list[str]:
    """What the app sends when a server starts and stops it."""
    sent = [] if sent is None else sent
    asked = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive() -> Message:
        return {"type": next(asked)}

    async def send(message: Message) -> None:
        sent.append(message["type"])

    await app({"type": "lifespan"}, receive, send)
    return sent
