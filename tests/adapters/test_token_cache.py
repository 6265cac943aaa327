"""Tokens verified before: for as long as they and their key are good, and no longer."""

import pytest

from tests.adapters.jwks_server import JwksServer
from tests.adapters.token_signing import AUDIENCE, ISSUER, START, Clock, Signer
from vendorpay.adapters.jwks import IDLE_S, STALE_S_MAX, JwksCache
from vendorpay.adapters.jwks_keys import SigningKey
from vendorpay.adapters.jwks_source import JwksUrl
from vendorpay.adapters.token_cache import VerifiedToken, VerifiedTokens
from vendorpay.adapters.token_verifier import JwtVerifier
from vendorpay.domain.errors import IssuerUnavailable, Unauthenticated

pytestmark = pytest.mark.anyio

DAYS_S = 7 * 24 * 3600


@pytest.fixture
def verifier(server: JwksServer, clock: Clock, signer: Signer) -> JwtVerifier:
    server.publish(signer.jwk())
    keys = JwksCache(JwksUrl(server.url), monotonic=clock.monotonic)
    return JwtVerifier(keys, issuer=ISSUER, audience=AUDIENCE, now=clock.now)


async def test_a_token_seen_before_is_not_checked_again(
    verifier: JwtVerifier, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, checks = signer.token(), 0
    signed = SigningKey.signed

    def counted(key: SigningKey, message: bytes, signature: bytes) -> bool:
        nonlocal checks
        checks += 1
        return signed(key, message, signature)

    monkeypatch.setattr(SigningKey, "signed", counted)
    for _ in range(5):
        assert await verifier.verify(token)
    assert checks == 1


async def test_a_cached_token_ends_with_its_expiry(verifier: JwtVerifier, signer: Signer, clock: Clock) -> None:
    token = signer.token(exp=START + 100)
    for passed in (0, 99, 99.999):
        clock.passed = passed
        assert await verifier.verify(token)
    clock.passed = 100
    with pytest.raises(Unauthenticated, match="expired"):
        await verifier.verify(token)


async def test_a_cached_token_ends_with_its_key(
    verifier: JwtVerifier, server: JwksServer, signers: tuple[Signer, Signer, Signer], clock: Clock
) -> None:
    token = signers[0].token(exp=START + DAYS_S)
    await verifier.verify(token)
    server.publish(signers[1].jwk())
    clock.passed = IDLE_S
    with pytest.raises(Unauthenticated, match="key is unknown"):
        await verifier.verify(token)


async def test_a_cached_token_ends_when_its_key_id_gets_another_key(
    verifier: JwtVerifier, server: JwksServer, signers: tuple[Signer, Signer, Signer], clock: Clock
) -> None:
    token = signers[0].token(exp=START + DAYS_S)
    await verifier.verify(token)
    server.publish(signers[1].jwk(kid=signers[0].kid))
    clock.passed = IDLE_S
    with pytest.raises(Unauthenticated, match="signature"):
        await verifier.verify(token)


async def test_a_rotation_seen_by_one_token_ends_the_tokens_of_the_old_key_at_once(
    verifier: JwtVerifier, server: JwksServer, signers: tuple[Signer, Signer, Signer]
) -> None:
    old = signers[0].token()
    await verifier.verify(old)
    server.publish(signers[1].jwk())
    assert await verifier.verify(signers[1].token())
    with pytest.raises(Unauthenticated, match="key is unknown"):
        await verifier.verify(old)


async def test_a_cached_token_ends_with_the_day_an_outage_is_bridged(
    verifier: JwtVerifier, server: JwksServer, signer: Signer, clock: Clock
) -> None:
    token = signer.token(exp=START + DAYS_S)
    await verifier.verify(token)
    server.behave = server.respond(503, b"")
    clock.passed = STALE_S_MAX
    assert await verifier.verify(token)
    clock.passed = STALE_S_MAX + 60
    with pytest.raises(IssuerUnavailable):
        await verifier.verify(token)


async def test_without_any_key_the_issuer_is_to_blame_but_only_for_tokens_worth_a_check(
    verifier: JwtVerifier, server: JwksServer, signer: Signer
) -> None:
    server.behave = server.respond(503, b"")
    for bad in ("", "garbled", signer.token(iss="https://other.test"), signer.token(exp=START - 1)):
        with pytest.raises(Unauthenticated):
            await verifier.verify(bad)
    assert server.hits == 0
    with pytest.raises(IssuerUnavailable):
        await verifier.verify(signer.token())


async def test_a_stray_token_of_another_issuer_does_not_delay_a_rotation(
    verifier: JwtVerifier, server: JwksServer, signers: tuple[Signer, Signer, Signer]
) -> None:
    await verifier.verify(signers[0].token())
    server.publish(signers[1].jwk())
    with pytest.raises(Unauthenticated, match="issuer"):
        await verifier.verify(signers[2].token(iss="https://other.test"))
    assert await verifier.verify(signers[1].token())


def test_the_least_recently_used_token_makes_room() -> None:
    tokens = VerifiedTokens(capacity=2)
    entry = VerifiedToken({}, START, SigningKey("k", "n", "e", None))
    tokens.put(b"a", entry)
    tokens.put(b"b", entry)
    assert tokens.get(b"a")
    tokens.put(b"c", entry)
    assert (tokens.get(b"a"), tokens.get(b"b"), tokens.get(b"c")) == (entry, None, entry)
    assert len(tokens) == 2


def test_a_dropped_token_is_gone() -> None:
    tokens = VerifiedTokens()
    tokens.put(b"a", VerifiedToken({}, START, SigningKey("k", "n", "e", None)))
    tokens.drop(b"a")
    tokens.drop(b"a")
    assert tokens.get(b"a") is None
