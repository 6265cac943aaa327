"""The sender that is used: what every one must do, and that it goes to public addresses alone, to those it checked."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.contracts.webhook_sender import WebhookSenderContract, a_request
from tests.scenarios.webhook_receiver import WebhookReceiver
from vendorpay.adapters.public_addresses import RESOLVERS, AddressRefused, CheckedNetwork, Resolver
from vendorpay.adapters.webhook_sender import HttpWebhookSender
from vendorpay.domain.errors import Overloaded
from vendorpay.ports import WebhookSender
from vendorpay.usecases.relay_room import ROOM_MAX

pytestmark = pytest.mark.anyio

NAME = "receiver.test"
PUBLIC = "93.184.215.14"
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reading the system's certificates takes longer than a test


class TestHttpWebhookSender(WebhookSenderContract):
    """With leave to send to the own machine."""

    @pytest.fixture
    async def sender(self, anyio_backend: str) -> AsyncIterator[WebhookSender]:
        # No certificates: reading the system's takes longer than all the rest.
        async with aclosing(HttpWebhookSender(to_private=True, tls=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))) as opened:
            yield opened


def answering(*answers: Sequence[str]) -> tuple[Any, list[str]]:
    """A resolver that gives one answer after the other, the last one for ever; and the names it was asked for."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    return resolve, asked


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "[::1]", "0.0.0.0", "169.254.169.254", "2130706433", "0x7f000001", "0177.0.0.1"),
        *("127.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "10.0.0.1", "[::]"),
    ],
)
async def test_nothing_is_sent_inside(host: str) -> None:
    """Server-side request forgery: whatever the system's resolver makes of the host, the own network is closed."""
    with WebhookReceiver() as receiver:
        async with aclosing(HttpWebhookSender()) as sender:
            answer = await sender.send(a_request(f"http://{host}:{receiver.port}/hooks"))
        assert answer.status is None
        assert answer.error in {
            "the host has an address that is not public; nothing was sent",
            "the host's name leads to no address",  # where the resolver does not take such a form
        }
        assert receiver.received == []


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["10.1.2.3"], [PUBLIC, "192.168.1.1"], ["fd12::1"], ["fe80::1%eth0"], ["::ffff:10.0.0.1"]],
    ids=str,
)
async def test_a_name_is_refused_when_one_of_its_addresses_is_not_public(addresses: list[str]) -> None:
    resolve, asked = answering(addresses)
    async with aclosing(HttpWebhookSender(resolve=resolve)) as sender:
        answer = await sender.send(a_request(f"https://{NAME}/"))
    assert answer.error == "the host has an address that is not public; nothing was sent"
    assert asked == [NAME]


async def test_a_name_that_leads_nowhere_is_told(anyio_backend: str) -> None:
    for resolve in (answering([])[0], Resolver()):
        async with aclosing(HttpWebhookSender(resolve=resolve)) as sender:
            answer = await sender.send(a_request("https://does-not-exist.invalid/"))
        assert answer.error == "the host's name leads to no address"


@pytest.fixture
def silence(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """The names that were asked of a name server which answers none that begins with `silent`, until the test ends."""
    asked: list[str] = []
    over = threading.Event()

    def getaddrinfo(host: str, *_: Any, **__: Any) -> list[tuple[Any, ...]]:
        asked.append(host)
        if host.startswith("silent"):
            over.wait(30)
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield lambda: asked
    over.set()


async def test_a_name_whose_server_is_silent_has_one_thread_and_others_are_found(
    silence: Callable[[], list[str]],
) -> None:
    with WebhookReceiver() as receiver:
        async with aclosing(HttpWebhookSender(to_private=True, tls=_NO_TLS)) as sender:
            urls = [f"http://{name}.test:{8000 + n}/" for n in range(2 * RESOLVERS) for name in ("silent", "SILENT")]
            answers = await asyncio.gather(*(sender.send(a_request(url, timeout_s=0.3)) for url in urls[:300]))
            assert {answer.error for answer in answers} == {"no answer within 0.3 s"}
            assert silence() == ["silent.test"]
            found = await sender.send(a_request(f"http://receiver.test:{receiver.port}/"))
    assert found.status == 204


async def test_a_full_resolver_is_nobodys_fault(silence: Callable[[], list[str]]) -> None:
    async with aclosing(HttpWebhookSender(to_private=True, tls=_NO_TLS)) as sender:
        requests = (a_request(f"http://silent{n}.test/", timeout_s=30.0) for n in range(RESOLVERS))
        waiting = [asyncio.create_task(sender.send(request)) for request in requests]
        while len(silence()) < RESOLVERS:
            await asyncio.sleep(0.01)
        with pytest.raises(Overloaded):
            await sender.send(a_request("http://receiver.test/"))
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_as_many_are_under_way_at_once_as_the_relay_hands_out() -> None:
    """So that none is signed, or its endpoint looked up, and then waits for its turn."""
    under_way, go_on = 0, asyncio.Event()

    async def resolve(host: str, port: int) -> Sequence[str]:
        nonlocal under_way
        under_way += 1
        try:
            await go_on.wait()
        finally:
            under_way -= 1
        return []

    async with aclosing(HttpWebhookSender(resolve=resolve, tls=_NO_TLS)) as sender:
        request = a_request(f"https://{NAME}/", timeout_s=60.0)
        sending = [asyncio.create_task(sender.send(request)) for _ in range(ROOM_MAX["webhook"])]
        async with asyncio.timeout(30):
            while under_way < len(sending):
                await asyncio.sleep(0.01)
        go_on.set()
        await asyncio.gather(*sending)


class Recorder(httpcore.AsyncNetworkBackend):
    """Notes where connections would go."""

    def __init__(self) -> None:
        self.went_to: list[str] = []

    async def connect_tcp(self, host: str, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        self.went_to.append(host)
        raise httpcore.ConnectError


async def test_the_connection_goes_to_the_address_that_was_checked_whatever_the_name_says_next() -> None:
    """DNS rebinding: public when it is checked, inside when it is used."""
    resolve, asked = answering([PUBLIC], ["127.0.0.1"])
    network, recorder = CheckedNetwork(resolve), Recorder()
    network._network = recorder
    with pytest.raises(httpcore.ConnectError):
        await network.connect_tcp(NAME, 443, 1.0)
    assert (recorder.went_to, asked) == ([PUBLIC], [NAME])
    with pytest.raises(AddressRefused):
        await network.connect_tcp(NAME, 443, 1.0)
    assert recorder.went_to == [PUBLIC]


async def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    with WebhookReceiver() as receiver:
        resolve, _ = answering(["127.0.0.2", "::1", "127.0.0.1"])
        async with aclosing(HttpWebhookSender(to_private=True, resolve=resolve)) as sender:
            answer = await sender.send(a_request(f"http://{NAME}:{receiver.port}/"))
        assert answer.status == 204
        assert receiver.received[0].headers["host"] == f"{NAME}:{receiver.port}"


async def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with WebhookReceiver() as proxy, WebhookReceiver() as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        async with aclosing(HttpWebhookSender(to_private=True)) as sender:
            assert (await sender.send(a_request(receiver.url))).status == 204
        assert (len(proxy.received), len(receiver.received)) == (0, 1)


def certified(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's TLS for that name, and that of a client which trusts its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / f"{name}.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cadata=certificate.public_bytes(serialization.Encoding.PEM).decode())


async def test_tls_asks_for_the_name_of_the_url_though_it_goes_to_an_address(tmp_path: Path) -> None:
    server, client = certified(tmp_path, NAME)
    asked_for: list[str | None] = []
    server.sni_callback = lambda _, name, __: asked_for.append(name)
    resolve, _ = answering(["127.0.0.1"])
    with WebhookReceiver(tls=server) as receiver:
        async with aclosing(HttpWebhookSender(to_private=True, resolve=resolve, tls=client)) as sender:
            good = await sender.send(a_request(f"https://{NAME}:{receiver.port}/"))
            other = await sender.send(a_request(f"https://other.test:{receiver.port}/"))
        assert (good.status, good.error) == (204, None)
        assert other.error is not None
        assert other.error.startswith("TLS was refused: Hostname mismatch")
        assert asked_for == [NAME, "other.test"]
        assert len(receiver.received) == 1


async def test_a_certificate_that_nobody_trusts_is_refused(tmp_path: Path) -> None:
    server, _ = certified(tmp_path, NAME)
    resolve, _ = answering(["127.0.0.1"])
    with WebhookReceiver(tls=server) as receiver:
        async with aclosing(HttpWebhookSender(to_private=True, resolve=resolve)) as sender:
            answer = await sender.send(a_request(f"https://{NAME}:{receiver.port}/"))
        assert answer.error is not None
        assert answer.error.startswith("TLS was refused: self-signed certificate")
        assert receiver.received == []
