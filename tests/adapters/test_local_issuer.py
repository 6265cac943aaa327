"""The local issuer: its key file, and its tokens before the real verifier."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.adapters.token_signing import START, Clock
from vendorpay.adapters.jwks import JwksCache
from vendorpay.adapters.local_issuer import AUDIENCE, ISSUER, IssuerKeyUnusable, LocalIssuer, thumbprint
from vendorpay.adapters.token_verifier import JwtVerifier
from vendorpay.domain.errors import Unauthenticated

NOW = datetime.fromtimestamp(START, UTC)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "issuer" / "key.pem"


@pytest.fixture
def issuer(tmp_path: Path) -> LocalIssuer:
    return LocalIssuer.open(tmp_path)


def minted(issuer: LocalIssuer, **changed: Any) -> str:
    good: dict[str, Any] = {"sub": "u1", "role": "admin", "ttl": timedelta(hours=1), "now": NOW, "jti": "t1"}
    return issuer.mint(**{**good, **changed})


def verifier_of(issuer: LocalIssuer, clock: Clock) -> JwtVerifier:
    keys = JwksCache(issuer.jwks, monotonic=clock.monotonic)
    return JwtVerifier(keys, issuer=ISSUER, audience=AUDIENCE, now=clock.now)


@pytest.mark.anyio
async def test_a_minted_token_passes_with_its_claims(issuer: LocalIssuer, clock: Clock) -> None:
    seen = await verifier_of(issuer, clock).verify(minted(issuer, org="acme", vendor="v1"))
    assert dict(seen) == {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "u1",
        "iat": int(START),
        "exp": int(START) + 3600,
        "jti": "t1",
        "token_use": "access",
        "custom:role": "admin",
        "custom:org_id": "acme",
        "custom:vendor_id": "v1",
    }


@pytest.mark.anyio
async def test_organisation_and_vendor_are_left_out_when_not_given(issuer: LocalIssuer, clock: Clock) -> None:
    seen = await verifier_of(issuer, clock).verify(minted(issuer))
    assert {"custom:org_id", "custom:vendor_id"}.isdisjoint(seen)


@pytest.mark.anyio
@pytest.mark.parametrize("ttl", [timedelta(hours=-1), timedelta(0)])
async def test_a_negative_ttl_makes_an_expired_token(issuer: LocalIssuer, clock: Clock, ttl: timedelta) -> None:
    with pytest.raises(Unauthenticated, match="expired"):
        await verifier_of(issuer, clock).verify(minted(issuer, ttl=ttl))


@pytest.mark.anyio
async def test_a_token_of_another_data_directory_is_refused(issuer: LocalIssuer, clock: Clock, tmp_path: Path) -> None:
    other = LocalIssuer.open(tmp_path / "other")
    with pytest.raises(Unauthenticated, match="key is unknown"):
        await verifier_of(issuer, clock).verify(minted(other))


def test_the_key_is_kept_between_runs(issuer: LocalIssuer, tmp_path: Path) -> None:
    assert LocalIssuer.open(tmp_path).jwks() == issuer.jwks()


def test_only_the_owner_can_read_the_key(issuer: LocalIssuer, key_file: Path, tmp_path: Path) -> None:
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert key_file.parent.stat().st_mode & 0o777 == 0o700
    assert [entry.name for entry in key_file.parent.iterdir()] == ["key.pem"]
    key_file.chmod(0o644)
    LocalIssuer.open(tmp_path)
    assert key_file.stat().st_mode & 0o777 == 0o600


def test_the_published_set_holds_no_private_number(issuer: LocalIssuer) -> None:
    (member,) = issuer.jwks()["keys"]
    assert set(member) == {"kty", "n", "e", "use", "alg", "kid"}
    assert jwt.get_unverified_header(minted(issuer))["kid"] == member["kid"] == issuer.kid


def test_the_key_id_is_the_thumbprint_of_rfc_7638() -> None:
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3okn"
        "jhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qM"
        "QvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJz"
        "KnqDKgw"
    )
    numbers = {"kty": "RSA", "n": modulus, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}
    assert thumbprint(numbers) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_processes_that_start_at_once_end_with_one_key(tmp_path: Path, key_file: Path) -> None:
    program = (
        "import sys, pathlib; from vendorpay.adapters.local_issuer import LocalIssuer;"
        "sys.stdin.readline(); print(LocalIssuer.open(pathlib.Path(sys.argv[1])).kid)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    started = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": ":".join(sys.path)}
        )
        for _ in range(4)
    ]
    for process in started:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    ends = [process.communicate(timeout=100)[0] for process in started]
    assert set(ends) == {f"{LocalIssuer.open(tmp_path).kid}\n"}
    assert [entry.name for entry in key_file.parent.iterdir()] == ["key.pem"]


def test_of_two_that_create_the_key_the_second_keeps_the_firsts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race itself: the file appears after this process saw none and made a key of its own."""
    generate = rsa.generate_private_key
    rival: list[LocalIssuer] = []

    def overtaken(public_exponent: int, key_size: int) -> rsa.RSAPrivateKey:
        monkeypatch.setattr(rsa, "generate_private_key", generate)
        rival.append(LocalIssuer.open(tmp_path))
        return generate(public_exponent, key_size)

    monkeypatch.setattr(rsa, "generate_private_key", overtaken)
    assert LocalIssuer.open(tmp_path).kid == rival[0].kid


def encrypted_pem() -> bytes:
    return rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"word")
    )


def plain_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize(
    "damage",
    [
        lambda: b"",
        lambda: b"no key",
        lambda: b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        lambda: plain_pem(rsa.generate_private_key(65537, 2048))[:600],
        encrypted_pem,
        lambda: plain_pem(rsa.generate_private_key(65537, 1024)),
        lambda: plain_pem(ec.generate_private_key(ec.SECP256R1())),
    ],
    ids=["empty", "text", "shell", "cut", "encrypted", "short", "elliptic"],
)
def test_a_damaged_key_file_says_what_to_do_and_is_left_alone(
    tmp_path: Path, key_file: Path, damage: Callable[[], bytes]
) -> None:
    content = damage()
    key_file.parent.mkdir()
    key_file.write_bytes(content)
    with pytest.raises(IssuerKeyUnusable, match=r"key\.pem is .*delete it"):
        LocalIssuer.open(tmp_path)
    assert key_file.read_bytes() == content


def test_a_key_that_cannot_be_read_or_made_says_what_to_do(tmp_path: Path, key_file: Path) -> None:
    key_file.mkdir(parents=True)
    with pytest.raises(IssuerKeyUnusable, match="right to read and write"):
        LocalIssuer.open(tmp_path)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(IssuerKeyUnusable, match="right to read and write"):
        LocalIssuer.open(tmp_path / "file")
