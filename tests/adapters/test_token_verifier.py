"""Which tokens pass and which are refused, with the reason."""

import json
from base64 import urlsafe_b64decode
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.adapters.token_signing import AUDIENCE, ISSUER, START, Clock, Signer, base64url, claims, hs256, unsigned
from vendorpay.adapters.jwks import JwksCache
from vendorpay.adapters.token_parts import TOKEN_BYTES_MAX
from vendorpay.adapters.token_verifier import JwtVerifier
from vendorpay.domain.errors import Unauthenticated

pytestmark = pytest.mark.anyio


def verifier_of(clock: Clock, *members: dict[str, Any]) -> JwtVerifier:
    keys = JwksCache(lambda: {"keys": list(members)}, monotonic=clock.monotonic)
    return JwtVerifier(keys, issuer=ISSUER, audience=AUDIENCE, now=clock.now)


@pytest.fixture
def verifier(clock: Clock, signer: Signer) -> JwtVerifier:
    return verifier_of(clock, signer.jwk())


async def refusal(verifier: JwtVerifier, token: str) -> str:
    with pytest.raises(Unauthenticated) as refused:
        await verifier.verify(token)
    return str(refused.value.facts["reason"])


async def test_a_good_token_gives_its_claims(verifier: JwtVerifier, signer: Signer) -> None:
    own: dict[str, Any] = {"custom:role": "admin", "cognito:groups": ["admin"]}
    assert dict(await verifier.verify(signer.token(**own))) == claims(**own)


async def test_nobody_can_change_the_claims_another_request_will_see(verifier: JwtVerifier, signer: Signer) -> None:
    seen = await verifier.verify(signer.token())
    with pytest.raises(TypeError):
        seen["sub"] = "another"  # type: ignore[index]


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"sub": None}, "sub"),
        ({"sub": 7}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": "  "}, "sub"),
        ({"sub": "x" * 256}, "sub"),
        ({"sub": "a\u0000b"}, "control"),
        ({"custom:org_id": "a\u0000b"}, "control"),
        ({"exp": None}, "exp"),
        ({"exp": "tomorrow"}, "exp"),
        ({"exp": True}, "exp"),
        ({"exp": {}}, "exp"),
        ({"exp": 10**400}, "exp"),
        ({"exp": 1e300}, "exp"),
        ({"nbf": "now"}, "nbf"),
        ({"iat": [1]}, "iat"),
        ({"exp": START}, "expired"),
        ({"exp": START - 1}, "expired"),
        ({"exp": 0}, "expired"),
        ({"exp": -5}, "expired"),
        ({"nbf": START + 31}, "not yet valid"),
        ({"iat": START + 31}, "not yet valid"),
        ({"iss": "https://other.test"}, "issuer"),
        ({"iss": ISSUER + "/"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"iss": [ISSUER]}, "issuer"),
        ({"aud": "other"}, "audience"),
        ({"aud": ["other"]}, "audience"),
        ({"aud": []}, "audience"),
        ({"aud": {AUDIENCE: 1}}, "audience"),
        ({"aud": None}, "audience"),
        ({"aud": None, "client_id": "other"}, "audience"),
        ({"aud": "other", "client_id": AUDIENCE}, "audience"),
        ({"token_use": "refresh"}, "access token"),
        ({"token_use": 1}, "access token"),
    ],
)
async def test_fault_4_a_missing_or_invalid_claim_is_a_refusal_with_its_reason(
    verifier: JwtVerifier, signer: Signer, changed: dict[str, Any], word: str
) -> None:
    assert word in await refusal(verifier, signer.sign_raw(header(signer.kid), json.dumps(claims(**changed)).encode()))


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": ["other", AUDIENCE]},
        {"aud": None, "client_id": AUDIENCE, "token_use": "access"},
        {"token_use": "id"},
        {"iat": None},
        {"nbf": START + 30},
        {"iat": START + 30},
        {"exp": START + 0.5},
        {"name": "José\u00a0Núñez"},
    ],
)
async def test_what_cognito_and_other_issuers_write_is_accepted(
    verifier: JwtVerifier, signer: Signer, changed: dict[str, Any]
) -> None:
    assert (await verifier.verify(signer.token(**changed)))["sub"] == "a-user"


def header(kid: str) -> bytes:
    return json.dumps({"alg": "RS256", "kid": kid}).encode()


@pytest.mark.parametrize(
    "token",
    [
        "",
        " ",
        "x",
        "..",
        "a.b",
        "a.b.c.d.e",
        "Bearer a.b.c",
        "é.é.é",
        "\ud800",
        "a" * (TOKEN_BYTES_MAX + 1),
        "e30.e30.e30",
    ],
)
async def test_a_garbled_token_is_refused(verifier: JwtVerifier, token: str) -> None:
    await refusal(verifier, token)


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"null", b"{", b"\xff\xfe", b'{"a":NaN}', b'{"a":"\\ud800"}', b"[" * 5000, b'{"exp":1e999}']
)
async def test_fault_4_a_signed_payload_that_is_no_object_is_refused(
    verifier: JwtVerifier, signer: Signer, payload: bytes
) -> None:
    assert await refusal(verifier, signer.sign_raw(header(signer.kid), payload)) == "the token is malformed"


@pytest.mark.parametrize(
    "fields",
    [
        {"alg": "RS256", "kid": 7},
        {"alg": "RS256", "kid": None},
        {"alg": "RS256", "kid": ""},
        {"alg": "RS256", "kid": "k" * 300},
        {"alg": "RS256", "kid": "first", "crit": ["b64"], "b64": False},
        {"alg": ["RS256"], "kid": "first"},
        {"alg": "rs256", "kid": "first"},
        {"alg": "RS512", "kid": "first"},
        {"alg": "PS256", "kid": "first"},
        {"kid": "first"},
    ],
)
async def test_a_header_that_is_not_plain_rs256_is_refused(
    verifier: JwtVerifier, signer: Signer, fields: dict[str, Any]
) -> None:
    await refusal(verifier, signer.sign_raw(json.dumps(fields).encode(), json.dumps(claims()).encode()))


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", ""])
async def test_alg_none_is_refused_with_and_without_a_signature(verifier: JwtVerifier, alg: str) -> None:
    await refusal(verifier, unsigned(alg, ""))
    assert "RS256" in await refusal(verifier, unsigned(alg, "AAAA"))


async def test_hs256_with_the_public_key_as_its_secret_is_refused(verifier: JwtVerifier, signer: Signer) -> None:
    for secret in (signer.pem(), signer.pem().strip(), signer.jwk()["n"].encode()):
        assert "RS256" in await refusal(verifier, hs256(secret, signer.kid))


async def test_another_key_under_a_known_kid_is_refused(
    verifier: JwtVerifier, signers: tuple[Signer, Signer, Signer]
) -> None:
    forged = signers[1].token({"kid": signers[0].kid})
    assert "signature" in await refusal(verifier, forged)


async def test_a_key_in_the_token_itself_is_not_believed(
    verifier: JwtVerifier, signers: tuple[Signer, Signer, Signer]
) -> None:
    forged = signers[1].token({"kid": signers[0].kid, "jwk": signers[1].jwk(), "jku": "https://evil.test"})
    assert "signature" in await refusal(verifier, forged)


async def test_a_token_without_a_kid_passes_when_there_is_one_key(verifier: JwtVerifier, signer: Signer) -> None:
    assert await verifier.verify(signer.token({}))


async def test_a_token_without_a_kid_is_refused_when_there_are_several_keys(
    clock: Clock, signers: tuple[Signer, Signer, Signer]
) -> None:
    named = verifier_of(clock, signers[0].jwk(), signers[1].jwk())
    nameless = verifier_of(clock, signers[0].jwk(kid=None), signers[1].jwk(kid=None))
    assert await refusal(named, signers[0].token({})) == "the token names no key"
    assert await refusal(nameless, signers[0].token({})) == "the token names no key"


async def test_any_changed_character_is_refused_while_the_original_is_cached(
    verifier: JwtVerifier, signer: Signer
) -> None:
    token = signer.token()
    await verifier.verify(token)
    for place, character in enumerate(token):
        for other in ("A", "B", "_", "=", "."):
            if other != character:
                await refusal(verifier, token[:place] + other + token[place + 1 :])
    await verifier.verify(token)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
async def test_any_flipped_bit_of_payload_or_signature_is_refused(
    verifier: JwtVerifier, signer: Signer, data: st.DataObject
) -> None:
    head, payload, signature = signer.token().split(".")
    spoilt = {"payload": payload, "signature": signature}
    part = data.draw(st.sampled_from(sorted(spoilt)))
    raw = bytearray(_decoded(spoilt[part]))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    spoilt[part] = base64url(bytes(raw))
    await refusal(verifier, f"{head}.{spoilt['payload']}.{spoilt['signature']}")


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.one_of(st.text(), st.binary().map(base64url), st.from_regex(r"[\w-]+\.[\w-]+\.[\w-]+", fullmatch=True)))
async def test_no_text_gives_anything_but_a_refusal(verifier: JwtVerifier, text: str) -> None:
    await refusal(verifier, text)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(changed=st.dictionaries(st.sampled_from(["iss", "aud", "sub", "exp", "nbf", "iat", "token_use"]), _JSON))
async def test_fault_4_no_signed_claims_give_anything_but_an_answer_or_a_refusal(
    verifier: JwtVerifier, signer: Signer, changed: dict[str, Any]
) -> None:
    token = signer.sign_raw(header(signer.kid), json.dumps({**claims(), **changed}).encode())
    try:
        seen = await verifier.verify(token)
    except Unauthenticated:
        return
    assert isinstance(seen["sub"], str)
    assert seen["exp"] > START


def _decoded(segment: str) -> bytes:
    return urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
