"""Which keys of a published set are used."""

from typing import Any

import pytest

from tests.adapters.token_signing import Signer
from vendorpay.adapters.jwks_keys import KEYS_MAX, JwksUnavailable, parse_jwks


@pytest.mark.parametrize(
    "changed",
    [
        {"use": "enc"},
        {"alg": "RS512"},
        {"alg": "PS256"},
        {"alg": ["RS256"]},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": None},
        {"key_ops": ["encrypt"]},
        {"key_ops": "verify"},
        {"kid": 7},
        {"kid": ""},
        {"kid": "k" * 257},
        {"n": None},
        {"n": 3},
        {"n": ""},
        {"n": "é"},
        {"n": "*" * 342},
        {"n": "A" * 2000},
        {"e": None},
        {"e": "AA"},
        {"e": "AQ"},
        {"e": "A" * 400},
    ],
)
def test_a_key_of_another_kind_or_use_is_left_out(
    signers: tuple[Signer, Signer, Signer], changed: dict[str, Any]
) -> None:
    keys = parse_jwks({"keys": [signers[0].jwk(**changed), signers[1].jwk(), None, "x", []]})
    assert len(keys) == 1
    assert keys.get("second")


@pytest.mark.parametrize("changed", [{"use": None}, {"alg": None}, {"key_ops": ["verify"]}, {"x5t": "x"}])
def test_a_key_that_leaves_its_use_open_is_used(signer: Signer, changed: dict[str, Any]) -> None:
    assert parse_jwks({"keys": [signer.jwk(**changed)]}).get("first")


@pytest.mark.parametrize("bits", [1024, 2040])
def test_a_weak_key_is_refused(bits: int) -> None:
    assert not parse_jwks({"keys": [Signer("weak", bits).jwk()]})


def test_a_set_that_leaks_a_private_key_still_verifies(signer: Signer) -> None:
    leaked = signer.jwk(d=signer.jwk()["n"], p="AQAB")
    key = parse_jwks({"keys": [leaked]}).get("first")
    assert key
    assert not key.signed(b"message", b"no signature")


def test_of_two_keys_with_one_name_the_first_counts(signers: tuple[Signer, Signer, Signer]) -> None:
    first, second, _ = signers
    keys = parse_jwks({"keys": [first.jwk(), second.jwk(kid="first")]})
    assert keys.only() == parse_jwks({"keys": [first.jwk()]}).get("first")


@pytest.mark.parametrize(
    "document", [None, [], "x", 5, {}, {"keys": None}, {"keys": {}}, {"keys": [{}] * (KEYS_MAX + 1)}]
)
def test_what_is_no_key_set_says_so(document: object) -> None:
    with pytest.raises(JwksUnavailable):
        parse_jwks(document)


def test_an_empty_set_is_a_set_without_keys() -> None:
    assert not parse_jwks({"keys": []})
