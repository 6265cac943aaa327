"""The small HTTP client: whatever answers, it gives a whole answer or says what went wrong, in time."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.aws.authority import Authority
from tests.aws.free_port import free_port
from tests.scenarios.webhook_receiver import (
    Behaviour,
    Exchange,
    WebhookReceiver,
    dripping,
    drop,
    endless,
    endless_headers,
    hang,
    respond,
)
from vendorpay.adapters.aws.http_exchange import BODY_BYTES_MAX, ExchangeFailed, HttpAnswer, exchange, host_of

pytestmark = pytest.mark.anyio

TIMEOUT_S = 20.0
SHORT_S = 0.5


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as running:
        yield running


def raw(*parts: bytes) -> Behaviour:
    def behave(exchange: Exchange) -> None:
        for part in parts:
            exchange.raw(part)
            exchange.wait(0.01)
        exchange.drop()

    return behave


async def asked(receiver: WebhookReceiver, behaviour: Behaviour, *, timeout_s: float = TIMEOUT_S) -> HttpAnswer:
    receiver.behave = behaviour
    return await exchange("POST", receiver.url, {"host": host_of(receiver.url), "x-one": "1"}, b"question", timeout_s)


async def test_what_is_sent_arrives_and_what_is_answered_comes_back(receiver: WebhookReceiver) -> None:
    answer = await asked(receiver, respond(203, b"answer", X_Two="2"))
    assert (answer.status, answer.body, answer.headers["x-two"]) == (203, b"answer", "2")
    (received,) = receiver.received
    assert (received.body, received.headers["x-one"], received.headers["connection"]) == (b"question", "1", "close")


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("parts", "body"),
    [
        ([HEAD + b"Content-Length: 4\r\n\r\nab", b"cd"], b"abcd"),
        ([HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", b"1;odd=1\r\nc\r\n0\r\n\r\n"], b"abc"),
        ([HEAD + b"\r\nuntil", b" the end"], b"until the end"),
        ([b"HTTP/1.1 100 Continue\r\n\r\n", HEAD + b"Content-Length: 1\r\n\r\nx"], b"x"),
        ([b"HTTP/1.0 200\r\nContent-Length:0\r\n\r\n"], b""),
        ([b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"], b""),
    ],
)
async def test_a_body_is_read_however_its_end_is_told(
    receiver: WebhookReceiver, parts: list[bytes], body: bytes
) -> None:
    assert (await asked(receiver, raw(*parts))).body == body


@pytest.mark.parametrize(
    "parts",
    [
        [b"220 mail.example ESMTP\r\n\r\n"],
        [b"HTTP/2 200\r\n\r\n"],
        [b"HTTP/1.1 OK\r\n\r\n"],
        [HEAD + b"no colon\r\n\r\n"],
        [HEAD + b"Content-Length: 500\r\n\r\nhalf of it"],
        [HEAD + b"Content-Length: many\r\n\r\n"],
        [HEAD + b"Content-Length: -1\r\n\r\n"],
        [HEAD + b"Content-Length: %d\r\n\r\n" % (BODY_BYTES_MAX + 1)],
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffff\r\n"],
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"],
        [HEAD],
    ],
    ids=range(11),
)
async def test_what_is_not_http_is_refused(receiver: WebhookReceiver, parts: list[bytes]) -> None:
    with pytest.raises(ExchangeFailed, match=r"not HTTP|could not be reached"):
        await asked(receiver, raw(*parts))


@pytest.mark.parametrize("behaviour", [hang, drop, dripping, endless, endless_headers])
async def test_it_ends_in_time_whatever_the_other_side_does(receiver: WebhookReceiver, behaviour: Behaviour) -> None:
    began = time.monotonic()
    with pytest.raises(ExchangeFailed):
        await asked(receiver, behaviour, timeout_s=SHORT_S)
    assert time.monotonic() - began < SHORT_S + 10


async def test_nobody_there_is_told(anyio_backend: str) -> None:
    with pytest.raises(ExchangeFailed, match="could not be reached"):
        await exchange("GET", f"http://127.0.0.1:{free_port()}/", {}, b"", TIMEOUT_S)


async def test_a_stranger_s_certificate_is_not_trusted(anyio_backend: str) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")  # no TLS at all where TLS was asked for
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ExchangeFailed, match=r"could not be trusted|could not be reached"):
            await exchange("GET", f"https://127.0.0.1:{port}/", {}, b"", TIMEOUT_S)


async def test_over_tls_it_asks_whom_the_bundle_s_authorities_have_signed_and_nobody_else(tmp_path: Path) -> None:
    ours, others = Authority(tmp_path, "ours"), Authority(tmp_path, "others")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*ours.signs("localhost"))
    with WebhookReceiver(tls=tls) as receiver:
        receiver.behave = respond(200, b"answer")
        address = f"https://localhost:{receiver.port}/"
        answer = await exchange("POST", address, {}, b"", TIMEOUT_S, ca_bundle=str(ours.bundle))
        assert (answer.status, answer.body) == (200, b"answer")
        for stranger in (str(others.bundle), None):
            with pytest.raises(ExchangeFailed, match="could not be trusted"):
                await exchange("POST", address, {}, b"", TIMEOUT_S, ca_bundle=stranger)
        with pytest.raises(ExchangeFailed, match="could not be trusted"):
            await exchange(
                "POST", f"https://127.0.0.1:{receiver.port}/", {}, b"", TIMEOUT_S, ca_bundle=str(ours.bundle)
            )
        assert len(receiver.received) == 1


async def test_a_header_cannot_smuggle_another(receiver: WebhookReceiver) -> None:
    with pytest.raises(ExchangeFailed):
        await exchange("POST", receiver.url, {"x": "1\r\nx-other: 2"}, b"", TIMEOUT_S)
    assert receiver.received == []


def test_a_host_is_said_with_an_unusual_port_only() -> None:
    assert host_of("https://secretsmanager.eu-west-1.amazonaws.com") == "secretsmanager.eu-west-1.amazonaws.com"
    assert host_of("https://example.com:443/x") == "example.com"
    assert host_of("http://127.0.0.1:5000") == "127.0.0.1:5000"
