"""Fetching a key set from a real server that misbehaves."""

import threading
import time

import pytest

from tests.adapters.jwks_server import JwksServer
from tests.adapters.token_signing import Signer
from vendorpay.adapters.jwks_keys import JwksUnavailable
from vendorpay.adapters.jwks_source import BODY_BYTES_MAX, JwksUrl, JwksUrlRefused

# Far below the servers' patience and far above a loopback answer.
SHORT_S = 0.3


@pytest.mark.parametrize(
    "url",
    [
        "",
        "issuer.test",
        "file:///etc/passwd",
        "ftp://issuer.test/jwks",
        "http://issuer.test/jwks",
        "http://10.0.0.1/jwks",
        "http://127.0.0.1.evil.test/jwks",
        "http://localhost.evil.test/jwks",
        "http://localhost@evil.test/jwks",
        "https://user:word@issuer.test/jwks",
        "https:///jwks",
        "https://issuer.test:port/jwks",
        "https://issuer.test/a b",
        "https://issuer.test/\r\nX: y",
        "https://[::1/jwks",
    ],
)
def test_only_https_or_the_own_machine_may_serve_keys(url: str) -> None:
    with pytest.raises(JwksUrlRefused):
        JwksUrl(url)


@pytest.mark.parametrize(
    "url", ["https://issuer.test/jwks?x=1", "http://localhost:9/jwks", "http://[::1]:9/jwks", "http://127.3.2.1/jwks"]
)
def test_https_and_the_own_machine_are_accepted(url: str) -> None:
    JwksUrl(url)


def test_the_published_set_is_fetched(server: JwksServer, signer: Signer) -> None:
    server.publish(signer.jwk())
    assert JwksUrl(server.url)() == {"keys": [signer.jwk()]}


@pytest.mark.parametrize("status", [201, 204, 401, 404, 500, 503])
def test_any_status_but_200_is_no_key_set(server: JwksServer, status: int) -> None:
    server.behave = server.respond(status, b"" if status == 204 else b'{"keys": []}')
    with pytest.raises(JwksUnavailable, match=str(status)):
        JwksUrl(server.url)()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(server: JwksServer, status: int) -> None:
    server.behave = server.respond(status, b"", Location=server.url)
    with pytest.raises(JwksUnavailable, match=str(status)):
        JwksUrl(server.url)()
    assert server.hits == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe", b"{", b"[" * 200_000])
def test_an_answer_that_is_no_json_is_no_key_set(server: JwksServer, body: bytes) -> None:
    server.behave = server.respond(200, body)
    with pytest.raises(JwksUnavailable, match="not JSON"):
        JwksUrl(server.url)()


def test_a_body_over_the_limit_is_not_read_to_its_end(server: JwksServer) -> None:
    server.behave = server.respond(200, b" " * (BODY_BYTES_MAX + 1))
    with pytest.raises(JwksUnavailable, match="larger"):
        JwksUrl(server.url)()


@pytest.mark.parametrize("habit", ["hang", "drip"])
def test_an_issuer_that_hangs_or_drips_is_left_in_time(server: JwksServer, habit: str) -> None:
    server.behave = getattr(server, habit)

    def in_time() -> bool:
        began = time.monotonic()
        with pytest.raises(JwksUnavailable):
            JwksUrl(server.url, timeout_s=SHORT_S)()
        return time.monotonic() - began < 2.5

    assert any(in_time() for _ in range(3)), "three seconds are usual"
    assert [t for t in threading.enumerate() if isinstance(t, threading.Timer) and not t.finished.is_set()] == []


def test_nobody_listening_is_an_outage(server: JwksServer) -> None:
    server.stop()
    with pytest.raises(JwksUnavailable, match="ConnectionRefusedError"):
        JwksUrl(server.url)()


def test_a_proxy_of_the_environment_is_not_asked(
    server: JwksServer, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    server.publish(signer.jwk())
    assert JwksUrl(server.url)()
